// What people call the actions. The page's own names stay as they are; changes lie over them,
// are kept by this browser, and leave as names.json.

const names = (() => {
  const key = `asot-page-${data.id}`;
  const base = new Map(data.actions.map((action) => [action.id, action]));
  const BACKGROUND = ['#c3c8ce', '', '#000000'];
  let changes = new Map();
  let kept = true;

  function load() {
    changes = new Map();
    try {
      const stored = JSON.parse(localStorage.getItem(key) ?? '[]');
      for (const [id, field, value] of Array.isArray(stored) ? stored : []) apply(id, field, value);
    } catch {
      kept = false;
    }
  }

  function save() {
    try {
      const all = [...changes].flatMap(([id, fields]) => Object.entries(fields).map(([f, v]) => [id, f, v]));
      if (all.length) localStorage.setItem(key, JSON.stringify(all));
      else localStorage.removeItem(key);
      kept = true;
    } catch {
      kept = false;
    }
    refresh();
  }

  // Take a change if it is one and makes sense; false if it does not.
  function apply(id, field, value) {
    const right = {name: 'string', background: 'boolean'}[field] === typeof value
      || (field === 'merged' && (value === null || (base.has(value) && canMerge(id, value))));
    if (!base.has(id) || !right) return false;
    const fields = {...changes.get(id)};
    if (base.get(id)[field] === value) delete fields[field];
    else fields[field] = value;
    if (Object.keys(fields).length) changes.set(id, fields);
    else changes.delete(id);
    return true;
  }

  const get = (id) => ({...base.get(id), ...changes.get(id)});

  // The action that one counts as: the one it was merged with, and of those of one name the first.
  function root(id) {
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
      names: Object.fromEntries(all.filter((a) => a.name).map((a) => [a.id, a.name])),
      merged: Object.fromEntries(all.filter((a) => a.merged !== null).map((a) => [a.id, root(a.id)])),
      background: all.filter((a) => a.background).map((a) => a.id),
    };
  }

  // Bring the names on the page up to date; the view does its pictures in its own `refresh`.
  function refresh() {
    for (const element of document.querySelectorAll('[data-name-of]')) {
      const text = label(Number(element.dataset.nameOf));
      if (element.textContent !== text) element.textContent = text;
    }
    for (const element of document.querySelectorAll('[data-fill-of]')) paint(element, style(Number(element.dataset.fillOf)));
    document.dispatchEvent(new Event('names'));
  }

  load();
  addEventListener('storage', (event) => {
    if (event.key === key) {
      load();
      refresh();
    }
  });

  return {
    get, root, canMerge, label, unnamed, style, file,
    set(id, field, value) {
      if (apply(id, field, value)) save();
    },
    reset(id = null) {
      const before = new Map(changes);
      if (id === null) changes.clear();
      else changes.delete(id);
      save();
      return () => {
        changes = before;
        save();
      };
    },
    // The actions in use that stand for themselves, and how many are of interest.
    roots: () => data.actions.map(({id}) => id).filter((id) => root(id) === id && names.group(id).some((one) => base.get(one).amount)),
    counted: () => names.roots().filter((id) => !get(id).background).length,
    group: (id) => [...base.keys()].filter((other) => root(other) === root(id)),
    get count() { return changes.size; },
    get kept() { return kept; },
  };
})();

// Elements that follow an action's name and colour.
const nameOf = (id) => h('span', {'data-name-of': id}, names.label(id));
const swatch = (id) => paint(h('span', {class: 'swatch', 'data-fill-of': id, 'aria-hidden': 'true'}), names.style(id));
const tag = (id) => h('a', {class: 'tag', href: `#/action/${id}`}, swatch(id), nameOf(id));

function download() {
  const text = `${JSON.stringify(names.file(), null, 1)}\n`;
  const address = URL.createObjectURL(new Blob([text], {type: 'application/json'}));
  h('a', {href: address, download: 'names.json'}).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  toast('Saved names.json. Next: asot relabel RESULTS names.json');
}
