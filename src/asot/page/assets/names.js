// What people call the actions. The page's own names stay as they are; changes lie over them.

const names = (() => {
  const base = new Map(data.actions.map((action) => [action.id, action]));
  const known = data.actions.filter((action) => !action.added).length;
  const added = data.actions.length - known;
  const BACKGROUND = ['#c3c8ce', '', '#000000'];

  // Let there be so many actions that people added.
  function grow(wanted) {
    while (data.actions.length > known + wanted) base.delete(data.actions.pop().id);
    while (data.actions.length < known + wanted) {
      const id = Math.max(-1, ...base.keys()) + 1;
      const action = {id, name: '', unnamed: `action ${id + 1}`, portrait: '', merged: null, background: false, added: true,
        style: data.fills[data.actions.length % data.fills.length], segments: 0, amount: 0, histogram: [], match: null};
      data.actions.push(action);
      base.set(id, action);
    }
  }

  // The changes with one more, if that is one and makes sense; null if it does not.
  function changed(id, field, value, from = edits.names) {
    const right = {name: 'string', background: 'boolean'}[field] === typeof value
      || (field === 'merged' && (value === null || (base.has(value) && canMerge(id, value))));
    if (!base.has(id) || !right) return null;
    const changes = new Map(from);
    const fields = {...changes.get(id)};
    if (base.get(id)[field] === value) delete fields[field];
    else fields[field] = value;
    if (Object.keys(fields).length) changes.set(id, fields);
    else changes.delete(id);
    return changes;
  }

  const get = (id) => ({...base.get(id), ...edits.names.get(id)});

  // The action that one counts as, which is asked for often and changes seldom.
  let roots = {of: null, size: 0, found: new Map()};
  function root(id) {
    if (roots.of !== edits.names || roots.size !== base.size) roots = {of: edits.names, size: base.size, found: new Map()};
    if (!roots.found.has(id)) roots.found.set(id, rooted(id));
    return roots.found.get(id);
  }

  // The one it was merged with, and of those of one name the first.
  function rooted(id) {
    let at = id;
    // No more steps than actions: merges that came from outside may go in circles.
    for (let steps = 0; steps < base.size && get(at).merged !== null; steps += 1) at = get(at).merged;
    if (get(at).background) return at;
    const same = (other) => called(other) === called(at) && get(other).merged === null && !get(other).background;
    return [...base.keys()].find(same) ?? at;
  }

  const unnamed = (id) => base.get(id).unnamed;
  const called = (id) => get(id).name.trim().replace(/\s+/g, ' ') || unnamed(id);

  function canMerge(id, target) {
    let at = target;
    for (let steps = 0; steps <= base.size && at !== null; steps += 1) {
      if (at === id) return false;
      at = get(at).merged;
    }
    return at === null;
  }

  function label(id) {
    if (id < 0) return 'no action';
    const action = get(root(id));
    return action.name || action.unnamed;
  }

  function style(id) {
    const action = get(root(id));
    return action.background ? BACKGROUND : action.style;
  }

  function file() {
    const all = [...base.keys()].map(get);
    return {
      format: 1,
      page: data.id,
      added: data.actions.length - known,
      names: Object.fromEntries(all.filter((a) => a.name).map((a) => [a.id, a.name])),
      merged: Object.fromEntries(all.filter((a) => a.merged !== null).map((a) => [a.id, root(a.id)])),
      background: all.filter((a) => a.background).map((a) => a.id),
    };
  }

  // Bring the names on the page up to date; the view does its pictures in its own `refresh`.
  function refresh() {
    const of = (field) => [...document.querySelectorAll(`[data-${field}-of]`)].map((element) => [element, Number(element.dataset[`${field}Of`])]).filter(([, id]) => base.has(id));
    for (const [element, id] of of('name')) if (element.textContent !== label(id)) element.textContent = label(id);
    for (const [element, id] of of('fill')) paint(element, style(id));
    document.dispatchEvent(new Event('names'));
  }

  return {
    known, added, grow, changed, refresh, get, root, canMerge, label, unnamed, style, file,
    has: (id) => base.has(id),
    set(id, field, value) {
      const changes = changed(id, field, value);
      if (changes) edits.commit({names: changes}, `What ${unnamed(id)} is`, `${field} ${id}`);
    },
    // Names by action, in one step.
    take(given, what) {
      edits.commit({names: given.reduce((found, [id, name]) => changed(id, 'name', name, found) ?? found, edits.names)}, what);
    },
    reset(id = null) {
      const changes = new Map(edits.names);
      changes.delete(id);
      edits.commit({names: id === null ? new Map() : changes}, id === null ? 'All names' : `What ${unnamed(id)} is`);
    },
    // The actions in use that stand for themselves, and how many are of interest.
    roots: () => data.actions.map(({id}) => id).filter((id) => root(id) === id && names.group(id).some((one) => base.get(one).amount || base.get(one).added)),
    counted: () => names.roots().filter((id) => !get(id).background).length,
    group: (id) => [...base.keys()].filter((other) => root(other) === root(id)),
  };
})();

// Elements that follow an action's name and colour.
const nameOf = (id) => h('span', {'data-name-of': id}, names.label(id));
const swatch = (id) => paint(h('span', {class: 'swatch', 'data-fill-of': id, 'aria-hidden': 'true'}), names.style(id));
const tag = (id) => h('a', {class: 'tag', href: `#/action/${id}`}, swatch(id), nameOf(id));
