// How right the result is, and how settings were found: sentences, curves and shares.

function verdict() {
  const {verdict: given} = data;
  return given && h('aside', {class: `verdict ${given.word.replace(' ', '-')}`, 'aria-label': 'How right it is'},
    h('p', {}, h('strong', {}, given.sentence)), h('p', {}, given.advice, ' ', data.findings.length ? h('a', {href: '#/overview'}, 'Details') : null));
}

function findings() {
  if (!data.findings.length) return null;
  return h('section', {}, h('h2', {}, 'Details'),
    h('p', {class: 'lead'}, 'How right the result is and how the settings were found, from the recordings alone: no labels were looked at.'),
    h('div', {class: 'findings'}, data.findings.map((one) => h('article', {class: one.charts.length > 1 ? 'finding wide' : 'finding', 'aria-label': one.heading},
      h('h3', {}, one.heading), h('p', {}, one.sentence), one.reading ? h('p', {class: 'muted'}, one.reading) : null,
      one.charts.length ? h('div', {class: 'charts'}, one.charts.map((chart) => h('figure', {}, h('figcaption', {}, chart.title), curve(chart)))) : null,
      one.shares.length ? shares(one) : null,
      one.rows.length ? h('details', {}, h('summary', {}, 'The same as a table'), table(`${one.heading}, in numbers`, one.head, one.rows, 'numbers')) : null))));
}

function shares({heading, shares: entries}) {
  const most = Math.max(...entries.map(([, share]) => share));
  return table(heading, ['What', 'Share'], entries.map(([name, share]) => {
    const full = h('span', {});
    full.style.width = `${(100 * share) / most}%`;
    return [name, [percent(share, 0), h('span', {class: 'meter', 'aria-hidden': 'true'}, full)]];
  }), 'fit numbers');
}

function curve({title, x, y, points, bars, mark}) {
  const [width, left, right, top, base] = [320, 36, 298, 20, 128];
  const deep = Math.max(1, ...x.ticks.map(([, word]) => word.split('\n').length));
  const scale = (axis, from, to) => {
    const [low, high] = axis.log ? [Math.log(axis.low), Math.log(axis.high)] : [axis.low, axis.high];
    return (value) => from + (((axis.log ? Math.log(value) : value) - low) / (high - low)) * (to - from);
  };
  const [across, up] = [scale(x, left, right), scale(y, base, top)];
  const text = (at, line, anchor, ...words) => svg('text', {x: at, y: line, 'text-anchor': anchor}, ...words);
  const label = `${title}, by ${x.label}${mark ? `; ${mark[1]} is marked` : ''}`;
  const picture = svg('svg', {class: 'chart', viewBox: `0 0 ${width} ${base + 24 + 13 * deep}`, role: 'img', 'aria-label': label});
  for (const [value, word] of y.ticks) {
    put(picture, svg('line', {x1: left, x2: right, y1: up(value), y2: up(value), class: 'grid'}), text(left - 5, up(value) + 3.5, 'end', word));
  }
  put(picture, svg('line', {x1: left, x2: right, y1: base, y2: base, class: 'axis'}));
  for (const [value, word] of x.ticks) {
    put(picture, svg('line', {x1: across(value), x2: across(value), y1: base, y2: base + 3, class: 'axis'}),
      word.split('\n').map((line, k) => text(across(value), base + 14 + 12 * k, 'middle', line)));
  }
  put(picture, text((left + right) / 2, base + 18 + 13 * deep, 'middle', x.label));
  for (const [from, to, n] of bars) {
    if (n) put(picture, svg('rect', {x: across(from), y: up(n), width: Math.max(1, across(to) - across(from) - 0.7), height: base - up(n), class: 'pile'}));
  }
  if (points.length) put(picture, svg('polyline', {points: points.map(([u, v]) => `${across(u)},${up(v)}`).join(' '), class: 'line'}));
  if (mark) {
    const at = across(mark[0]);
    const after = at < (left + right) / 2;
    put(picture, svg('line', {x1: at, x2: at, y1: top - 12, y2: base, class: 'choice'}), text(at + (after ? 5 : -5), top - 5, after ? 'start' : 'end', svg('tspan', {class: 'strong'}, mark[1])));
  }
  for (const [u, v, words] of points) {
    put(picture, svg('circle', {cx: across(u), cy: up(v), r: mark && u === mark[0] ? 4.5 : 2.6, class: 'point'}, svg('title', {}, words)));
  }
  return picture;
}
