// Which actions are alike: pairs that may be one, a tree of them all, and actions that may be two.

const spots = data.alike.spots.map(([recording, start, end, from, to, action, x, y, kind]) => ({recording, start, end, from, to, action, x, y, kind}));

// The action that a segment of the map has now: that of the corrected one in its middle, or its own.
function actionOf(spot) {
  const middle = (spot.start + spot.end - 1) >> 1;
  const over = edits.segments(spot.recording).find(([start, end]) => start <= middle && middle < end);
  return over ? over[2] : spot.action;
}

const cutShort = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

const told = (chosen, action, undo) => toast(
  `${many(chosen.length, 'segment')} ${chosen.length === 1 ? 'is' : 'are'} now ${names.label(action)}.`, button('Undo', undo, {look: 'plain'}));

// The same with an action that is made for them, and offers to take both steps back.
function giveNew(chosen, name) {
  const action = edits.addAction(name);
  edits.give(chosen, action);
  told(chosen, action, () => { edits.undo(); edits.undo(); });
}

function reasons({actions: [a, b], shared, closest, described, same}) {
  const said = [];
  if (described) said.push('one action describes their frames better than two');
  if (same) said.push('nothing tells their segments apart');
  shared.forEach((share, i) => {
    const [own, other] = i ? [b, a] : [a, b];
    if (share >= 0.05) said.push(`${percent(share, 0)} of ${names.label(own)} may as well be ${names.label(other)}`);
  });
  if (closest) said.push('no action is closer');
  const text = said.join('; ');
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

// Pairs of actions that may be one, each to be merged with a click.
function pairs() {
  const list = h('ul', {});
  const box = h('aside', {class: 'pairs', 'aria-label': 'Actions that may be one'}, h('h2', {}, 'May be one'), list);
  const merge = (keep, other) => {
    const [before, after] = [names.label(other), names.label(keep)];
    names.set(other, 'merged', keep);
    toast(`${before} is now part of ${after}.`, button('Undo', edits.undo, {look: 'plain'}));
  };
  const refresh = () => {
    const used = new Set(names.roots());
    const left = data.alike.pairs.map((one) => [one, ...one.actions.map(names.root)])
      .filter(([, a, b]) => a !== b && used.has(a) && used.has(b) && names.canMerge(b, a));
    box.hidden = !left.length;
    list.replaceChildren(...left.map(([one, a, b]) => h('li', {}, h('div', {}, tag(a), ' and ', tag(b)), h('span', {class: 'muted'}, reasons(one)),
      button('Merge', () => merge(a, b), {'aria-label': `Merge ${names.label(b)} into ${names.label(a)}`}))));
  };
  return {box, refresh};
}

// The tree of actions, from left to right; what joins early is alike.
function tree() {
  const {leaves, joins} = data.alike;
  const box = h('section', {}, h('h2', {}, 'Which are alike'), h('p', {class: 'muted'}, 'The further to the right two actions join, the more alike they are: in their features, and in how often the one might have been the other.'));
  box.hidden = joins.length < 1;
  const picture = h('div', {});
  box.append(picture);
  const refresh = () => { if (!box.hidden) picture.replaceChildren(drawTree(leaves, joins)); };
  return {box, refresh};
}

function drawTree(leaves, joins) {
  const narrow = innerWidth < 640;
  const [width, tip, row] = narrow ? [360, 200, 28] : [720, 470, 28];
  const height = row * leaves.length + 8;
  const most = joins.at(-1)[2] || 1;
  const across = (far) => 8 + (tip - 8) * (1 - far / most);
  const nodes = [];
  const picture = svg('svg', {class: 'tree', viewBox: `0 0 ${width} ${height}`, role: 'group', 'aria-label': `Tree of ${many(leaves.length, 'action')}`});
  let line = 0;
  const tips = [];
  // From the root down, so that tips stand in the order of the tree.
  const grow = (node) => {
    if (node < leaves.length) {
      const y = row * (line += 1) - row / 2 + 4;
      tips.push([leaves[node], y]);
      return {far: 0, y, ids: [leaves[node]]};
    }
    const [a, b, far] = joins[node - leaves.length];
    const [one, other] = [grow(a), grow(b)];
    const ids = [...one.ids, ...other.ids];
    nodes.push(svg('path', {d: `M${across(one.far)},${one.y}H${across(far)}V${other.y}H${across(other.far)}`},
      svg('title', {}, `${percent(far, 0)} of the largest distance: ${ids.map(names.label).join(', ')}`)));
    return {far, y: (one.y + other.y) / 2, ids};
  };
  const root = grow(leaves.length + joins.length - 1);
  picture.append(svg('path', {d: `M0,${root.y}H${across(root.far)}`}), ...nodes, ...tips.map(([id, y]) => {
    const part = names.root(id) === id ? '' : ` (${names.unnamed(id)})`;
    const name = `${names.label(id)}${part}`;
    return svg('a', {href: `#/action/${id}`}, svg('title', {}, name), svg('rect', {x: tip + 6, y: y - 7, width: 14, height: 14, rx: 3, 'data-id': id}),
      svg('text', {x: tip + 27, y: y + 5}, cutShort(name, narrow ? 18 : 32)));
  }));
  for (const mark of picture.querySelectorAll('rect')) mark.setAttribute('fill', svgFill(picture, names.style(Number(mark.dataset.id))));
  return picture;
}

// What an action that may be two holds, with examples of both kinds.
function kinds(id, theatre) {
  if (!data.alike.kinds.includes(id)) return null;
  const said = h('p', {});
  const rows = ['first kind', 'second kind'].map((kind, i) => [h('h3', {}), h('div', {class: `clips typical${look()}`}, examplesOf(kind, id).map((clip) => example(clip, theatre, id)))]);
  const members = (kind) => spots.filter((one) => one.action === id && one.kind === kind && actionOf(one) === id);
  const give = button('Make the second kind a new action', () => giveNew(members(1), `${names.label(id)}, second kind`));
  const box = h('section', {class: 'kinds', 'aria-label': 'May be two'}, h('h2', {}, 'May be two'), said, rows,
    h('div', {class: 'controls'}, give, h('a', {href: `#/map/${id}`}, 'See them on the map')));
  const refresh = () => {
    const [first, second] = [members(0), members(1)];
    box.hidden = !first.length || !second.length;
    said.textContent = 'Its segments fall into two kinds, more clearly than 99 of 100 that are of one kind.';
    rows[0][0].textContent = `${many(first.length, 'segment')} like ${first.length === 1 ? 'this' : 'these'}`;
    rows[1][0].textContent = `${many(second.length, 'segment')} like ${second.length === 1 ? 'this' : 'these'}`;
  };
  return {box, refresh};
}
