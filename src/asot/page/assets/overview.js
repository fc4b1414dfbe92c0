// The whole run at a glance: scores, matching, order, lengths, and how it was made.

function overviewView(main) {
  const changing = h('div', {});
  const counts = [['Recordings', data.recordings.length.toLocaleString('en')],
    ['Length', length(allTime(), data.unit)]];
  const facts = h('dl', {class: 'facts'});
  put(main, h('h1', {}, 'Overview'), facts,
    verdict(), remarks(data.remarks), scoresTable(), changing,
    findings(), folded('Settings', data.settings), folded('Versions', data.versions));
  const refresh = () => {
    const groups = names.roots();
    const unused = data.actions.filter((action) => !action.amount);
    const now = [['Segments', names.roots().reduce((sum, id) => sum + statistics(id).segments, 0).toLocaleString('en')], ['Actions', names.counted()]];
    facts.replaceChildren(...[...counts, ...now].map(([k, v]) => h('div', {}, h('dt', {}, k), h('dd', {}, v))));
    changing.replaceChildren(...[confusion(), transitions(groups),
      groups.length ? h('section', {}, h('h2', {}, 'How long the actions last'), h('p', {class: 'muted'}, 'One scale for all; the last bar takes everything longer. Lengths are those before merging.'),
        h('div', {class: 'multiples'}, groups.filter((id) => statistics(id).histogram.some(Boolean)).map((id) => h('figure', {}, h('figcaption', {}, tag(id), h('span', {class: 'muted'}, length(statistics(id).mean, data.unit))), histogram(id, statistics(id)))))) : null,
      unused.length ? h('section', {}, h('h2', {}, 'Unused actions'), h('p', {}, `${many(unused.length, 'action')} of ${data.actions.length} ${unused.length === 1 ? 'has' : 'have'} no frame: ${unused.map((one) => names.label(one.id)).join(', ')}. That is no fault: the method leaves actions unused when the recordings do not need them.`)) : null,
    ].filter(Boolean));
  };
  refresh();
  return {title: 'Overview', refresh, stop() {}};
}

function scoresTable() {
  const ways = Object.entries(data.scores);
  if (!ways.length) return null;
  const rows = [...new Set(ways.flatMap(([, scores]) => Object.keys(scores)))];
  return h('section', {}, h('h2', {}, 'Scores'), table('Scores in percent', ['Score', ...ways.map(([way]) => way), 'What it says'],
    rows.map((name) => [name, ...ways.map(([, scores]) => percent(Object.hasOwn(scores, name) ? scores[name] : null)), h('span', {class: 'muted'}, data.meanings[name] ?? '')])));
}

function folded(heading, values) {
  const entries = Object.entries(values);
  return entries.length ? h('section', {}, h('details', {}, h('summary', {}, heading), table(heading, ['What', 'Value'], entries, 'pairs'))) : null;
}

// Actions against classes: how the frames of each action are shared out.
function confusion() {
  const {confusion: given} = data;
  const matched = data.actions.filter((action) => action.match !== null);
  if (!given) {
    return matched.length ? h('section', {}, h('h2', {}, 'Matching'), table('Matching', ['Action', 'Class'], matched.map((action) => [tag(action.id), action.match]), 'pairs')) : null;
  }
  const rows = new Map();
  data.actions.forEach((action, k) => {
    const id = names.root(action.id);
    const sum = rows.get(id) ?? given.classes.map(() => 0);
    rows.set(id, sum.map((n, c) => n + (given.counts[k]?.[c] ?? 0)));
  });
  const cell = (n, total, match) => {
    const share = total ? n / total : 0;
    const td = h('td', {class: match ? 'match' : '', title: `${n.toLocaleString('en')} frames`}, share >= 0.005 ? String(Math.round(100 * share)) : '');
    td.style.setProperty('--share', `${(65 * share).toFixed(1)}%`);
    return td;
  };
  const used = [...rows].filter(([, sums]) => sums.some(Boolean));
  return h('section', {}, h('h2', {}, 'Actions and classes'),
    h('p', {class: 'muted'}, 'Percent of an action’s frames that are of each class.', matched.length ? ' A frame marks the class it was matched with.' : ''),
    h('div', {class: 'scroll fit', tabindex: 0, role: 'region', 'aria-label': 'Actions and classes'}, h('table', {class: 'matrix'},
      h('caption', {class: 'unseen'}, 'Percent of each action’s frames by class'),
      h('thead', {}, h('tr', {}, h('td', {}), given.classes.map((name) => h('th', {scope: 'col'}, h('span', {title: name}, name))))),
      h('tbody', {}, used.map(([id, sums]) => {
        const total = sums.reduce((a, b) => a + b, 0);
        const matches = new Set(data.actions.filter((action) => names.root(action.id) === id).map((action) => action.match));
        return h('tr', {}, h('th', {scope: 'row'}, tag(id)), sums.map((n, c) => cell(n, total, matches.has(given.classes[c]))));
      })))));
}

// What follows what, merged actions as one.
function transitions(ids) {
  const counts = new Map();
  for (const [a, b, n] of data.transitions) {
    const [from, to] = [names.root(a), names.root(b)];
    if (from !== to) counts.set(`${from} ${to}`, (counts.get(`${from} ${to}`) ?? 0) + n);
  }
  const all = [...counts].map(([pair, n]) => [...pair.split(' ').map(Number), n]).sort((a, b) => b[2] - a[2]);
  if (!all.length) return null;
  const out = new Map();
  for (const [from, , n] of all) out.set(from, (out.get(from) ?? 0) + n);
  // The few that matter from each action: more would be a ball of wool.
  const left = new Map();
  const drawn = all.filter(([from, , n]) => {
    left.set(from, (left.get(from) ?? 0) + 1);
    return left.get(from) <= 3 && n / out.get(from) >= 0.08;
  });
  const list = table('Transitions', ['From', 'To', 'Times', 'Of all that follow'], all.slice(0, 200).map(([from, to, n]) => [tag(from), tag(to), n.toLocaleString('en'), percent(n / out.get(from), 0)]), 'numbers');
  return h('section', {}, h('h2', {}, 'What follows what'),
    h('p', {class: 'muted'}, 'The wider an arrow, the more often the one action comes straight after the other; up to three arrows leave each action.'),
    graph(ids, drawn), h('details', {}, h('summary', {}, 'The same as a table'), list));
}

function graph(ids, edges) {
  // Where names would run into each other they stand like the rays of a star.
  const star = ids.length > (innerWidth < 640 ? 8 : 14);
  const [width, height, radius] = innerWidth < 640 ? [400, star ? 480 : 360, 105] : [760, star ? 660 : 460, 165];
  const node = clamp(220 / ids.length, 7, 17);
  const angle = new Map(ids.map((id, k) => [id, (2 * Math.PI * k) / ids.length - Math.PI / 2]));
  const at = (id, r = radius) => [width / 2 + r * Math.cos(angle.get(id)), height / 2 + r * Math.sin(angle.get(id))];
  const most = Math.max(...edges.map(([, , n]) => n));
  const picture = svg('svg', {class: 'graph', viewBox: `0 0 ${width} ${height}`, role: 'group', 'aria-label': `Transitions between ${many(ids.length, 'action')}; the table beneath has all of them`});
  const arrows = [...edges].reverse().map(([from, to, n]) => {
    const [[x, y], [u, v]] = [at(from), at(to)];
    const reach = Math.hypot(u - x, v - y) || 1;
    // A bend to one side keeps there and back apart.
    const [bx, by] = [(x + u) / 2 - (v - y) * 0.16, (y + v) / 2 + (u - x) * 0.16];
    const back = Math.hypot(u - bx, v - by) || 1;
    const [tx, ty] = [u - ((u - bx) / back) * (node + 4), v - ((v - by) / back) * (node + 4)];
    const thick = 1 + 4.5 * (n / most);
    const head = 4 + thick * 1.3;
    const [dx, dy] = [(tx - bx) / (Math.hypot(tx - bx, ty - by) || 1), (ty - by) / (Math.hypot(tx - bx, ty - by) || 1)];
    const [sx, sy] = [tx - dx * head, ty - dy * head];
    return svg('g', {class: 'arrow', 'data-from': from, 'data-to': to, opacity: (0.3 + 0.6 * (n / most)).toFixed(2), 'data-reach': reach.toFixed(0)},
      svg('title', {}, `${names.label(from)} → ${names.label(to)}: ${many(n, 'time')}`),
      svg('path', {d: `M${x},${y}Q${bx},${by} ${sx},${sy}`, 'stroke-width': thick.toFixed(2), fill: 'none'}),
      svg('path', {class: 'head', d: `M${tx},${ty}L${sx - dy * head * 0.6},${sy + dx * head * 0.6}L${sx + dy * head * 0.6},${sy - dx * head * 0.6}z`}));
  });
  const nodes = ids.map((id) => {
    const [x, y] = at(id);
    const [lx, ly] = at(id, radius + node + 9);
    const side = Math.cos(angle.get(id));
    const name = names.label(id);
    const turn = (180 / Math.PI) * angle.get(id) + (side < 0 ? 180 : 0);
    const touch = (on) => () => {
      picture.classList.toggle('chosen', on);
      for (const arrow of arrows) arrow.classList.toggle('on', on && [arrow.dataset.from, arrow.dataset.to].includes(String(id)));
    };
    const group = svg('a', {href: `#/action/${id}`, onmouseenter: touch(true), onmouseleave: touch(false), onfocus: touch(true), onblur: touch(false)},
      svg('title', {}, name), svg('circle', {cx: x, cy: y, r: node, class: 'node'}),
      svg('text', {x: lx, y: ly + 4, 'text-anchor': star ? (side < 0 ? 'end' : 'start') : side > 0.2 ? 'start' : side < -0.2 ? 'end' : 'middle',
        transform: star ? `rotate(${turn.toFixed(1)} ${lx} ${ly})` : null}, name.length > 24 ? `${name.slice(0, 23)}…` : name));
    return group;
  });
  picture.append(...arrows, ...nodes);
  ids.forEach((id, k) => nodes[k].querySelector('circle').setAttribute('fill', svgFill(picture, names.style(id))));
  return picture;
}
