// Groups of recordings side by side: each action's values, time, and what follows what.

const GROUP_INKS = ['--left', '--right', '--third', '--fourth'];
const groupState = {measure: 0};

if (data.groups) find('.bar nav').append(h('a', {href: '#/groups'}, 'Groups'));

function groupsView(main) {
  const {groups: given} = data;
  if (!given) return missing(main, 'No groups were compared.');
  const changing = h('div', {});
  const choose = given.measures.map(([key, words], k) => button(words, () => { groupState.measure = k; refresh(); }, {'data-measure': key}));
  put(main, h('h1', {}, 'Groups'), h('ul', {class: 'lead'}, given.sentences.map((sentence) => h('li', {}, sentence))), remarks(given.remarks),
    h('div', {class: 'controls', role: 'group', 'aria-label': 'What is compared'}, choose), changing);
  function refresh() {
    choose.forEach((one, k) => one.setAttribute('aria-pressed', String(k === groupState.measure)));
    changing.replaceChildren(...[groupValues(given, ...given.measures[groupState.measure]), groupPairs(given), groupBudget(given), groupFollows(given)].filter(Boolean));
  }
  refresh();
  return {title: 'Groups', refresh, stop() {}};
}

const groupInk = (place) => `var(${GROUP_INKS[place % GROUP_INKS.length]})`;
const groupDigits = (value, measure = '') => (value === null ? '–' : measure === 'share' ? percent(value) : String(Number(value.toPrecision(3))));
const groupChance = (p) => (p === null ? '–' : p < 0.001 ? '< 0.001' : p.toPrecision(2));
const groupKey = (given) => h('ul', {class: 'legend', 'aria-label': 'Groups'}, given.groups.map(([name, n], k) =>
  h('li', {class: 'tag'}, svg('svg', {class: 'mark-of', viewBox: '0 0 10 10', 'aria-hidden': 'true'}, groupDot(5, 5, k)), `${name} (${many(n, given.unit)})`)));

// A group has a colour and a shape of its own.
function groupDot(x, y, place) {
  const shapes = [() => svg('circle', {cx: x, cy: y, r: 3}), () => svg('rect', {x: x - 2.7, y: y - 2.7, width: 5.4, height: 5.4}),
    () => svg('path', {d: `M${x},${y - 3.6}l3.5,6.4h-7z`}), () => svg('path', {d: `M${x},${y - 3.8}l3.8,3.8l-3.8,3.8l-3.8,-3.8z`})];
  const shape = shapes[place % shapes.length]();
  shape.style.fill = groupInk(place);
  return shape;
}

function groupValues(given, measure, words) {
  const values = given.values[measure];
  const tests = new Map(given.tests.filter((one) => one[1] === measure).map((one) => [one[0], one]));
  const ids = given.actions.filter((id) => values[id]);
  const most = Math.max(...ids.flatMap((id) => values[id].flatMap((one) => one.points)), 1e-9);
  const rows = ids.map((id) => {
    const [, , p, differs, size] = tests.get(id) ?? [id, measure, null, false, ''];
    const numbers = values[id].map((one) => h('span', {class: 'number'}, groupDigits(one.mean, measure), one.sd === null ? '' : ` ± ${groupDigits(one.sd, measure)}`));
    return [tag(id), groupLanes(given, values[id], most, `${names.label(id)}: ${words}`, measure), ...numbers, ...(tests.size ? [differs ? h('strong', {}, `${groupChance(p)} *`) : groupChance(p), h('span', {class: 'size'}, size)] : [])];
  });
  return h('section', {}, h('h2', {}, words[0].toUpperCase() + words.slice(1)), groupKey(given),
    table(words, ['Action', `0 to ${groupDigits(most, measure)}`, ...given.groups.map(([name]) => name), ...(tests.size ? ['Corrected p', 'Effect, 95 % interval'] : [])], rows, 'numbers groups'),
    h('p', {class: 'muted'}, `A point is a ${given.unit}; the upright line is the mean, beside it in numbers with the standard deviation. A star: the groups differ. Names as they were when the page was written.`));
}

function groupLanes(given, samples, most, label, measure) {
  const [width, lane] = [260, 15];
  const across = (value) => 6 + (value / most) * (width - 12);
  const said = samples.map((one, k) => `${given.groups[k][0]} ${groupDigits(one.mean, measure)}`).join(', ');
  const picture = svg('svg', {class: 'lanes', viewBox: `0 0 ${width} ${lane * samples.length}`, role: 'img', 'aria-label': `${label}: mean ${said}`});
  samples.forEach((one, k) => {
    const middle = lane * (k + 0.5);
    put(picture, svg('line', {x1: 6, x2: width - 6, y1: middle, y2: middle, class: 'grid'}));
    one.points.forEach((value, n) => {
      const point = groupDot(across(value), middle + (((n * 0.618) % 1) - 0.5) * 7, k);
      point.setAttribute('opacity', 0.6);
      put(picture, point);
    });
    if (one.mean !== null) put(picture, svg('line', {x1: across(one.mean), x2: across(one.mean), y1: middle - 7, y2: middle + 7, class: 'mean'}));
  });
  return picture;
}

function groupPairs(given) {
  const found = given.pairs.filter((one) => one[3]);
  if (!given.pairs.length) return null;
  const words = new Map(given.measures);
  return h('section', {}, h('h2', {}, 'Pairs of groups'), found.length ? table('Pairs that differ', ['Action', 'Groups', 'Measure', 'Corrected p', 'Effect'],
    found.map(([id, measure, p, , size, pair]) => [tag(id), pair.join(' and '), words.get(measure), groupChance(p), size])) : h('p', {class: 'muted'}, 'No two groups differ.'));
}

// How each group spends its time, on average.
function groupBudget(given) {
  const shares = given.values.share;
  if (!shares) return null;
  const [width, bar] = [600, 22];
  return h('section', {}, h('h2', {}, 'Where the time goes'), h('div', {class: 'budget'}, given.groups.map(([name], k) => {
    let reached = 0;
    const said = given.actions.map((id) => `${names.label(id)} ${percent(shares[id][k].mean, 0)}`).join(', ');
    const picture = svg('svg', {viewBox: `0 0 ${width} ${bar}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${name}: ${said}`});
    put(picture, svg('rect', {width, height: bar, class: 'rest'}));
    for (const id of given.actions) {
      const own = (shares[id][k].mean ?? 0) * width;
      const part = svg('rect', {x: reached, width: own, height: bar}, svg('title', {}, `${names.label(id)}: ${percent(own / width)}`));
      picture.append(part);
      part.setAttribute('fill', svgFill(picture, names.style(id)));
      reached += own;
    }
    return h('figure', {}, h('figcaption', {}, name), picture);
  })), h('ul', {class: 'legend', 'aria-label': 'Actions'}, given.actions.map((id) => h('li', {}, tag(id)))));
}

// How likely each action is followed by each other one, a matrix a group.
function groupFollows(given) {
  const cell = (p) => {
    const td = h('td', {title: p === null ? 'never followed' : percent(p)}, p !== null && p >= 0.005 ? String(Math.round(100 * p)) : '');
    td.style.setProperty('--share', `${(65 * (p ?? 0)).toFixed(1)}%`);
    return td;
  };
  return h('section', {}, h('h2', {}, 'What follows what'), h('p', {class: 'muted'}, 'Percent of the times that an action (row) is followed, at once, by another (column).'),
    h('div', {class: 'matrices'}, given.groups.map(([name], k) => h('figure', {}, h('figcaption', {}, name), h('div', {class: 'scroll fit', tabindex: 0, role: 'region', 'aria-label': `What follows what: ${name}`}, h('table', {class: 'matrix'},
      h('caption', {class: 'unseen'}, `Percent of what follows each action: ${name}`),
      h('thead', {}, h('tr', {}, h('td', {}), given.actions.map((id) => h('th', {scope: 'col'}, h('span', {title: names.label(id)}, names.label(id)))))),
      h('tbody', {}, given.actions.map((id, row) => h('tr', {}, h('th', {scope: 'row'}, tag(id)), given.transitions[k][row].map(cell))))))))));
}
