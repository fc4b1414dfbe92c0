// What people correct: names of actions, actions that they add, and segments. All of it is one state
// over what the page was written with. This browser keeps it; it leaves as corrections.json.

// Whether segments [start, end, action, note] are in order, in the recording, and of actions that are known.
const fitting = (list, frames, known) => Array.isArray(list) && list.every(([start, end, action, note], i) =>
  [start, end, action].every(Number.isInteger) && start >= (i ? list[i - 1][1] : 0) && end > start && end <= frames
  && (action === -1 || known(action)) && typeof note === 'string');

// Where `count` actions that people added elsewhere are here, by their names: the page may have been written
// again since with actions that others added. It had `before` of them when these were added.
function placed(count, before, called) {
  const own = data.actions.slice(names.known, names.known + names.added);
  const to = new Map();
  let {added} = names;
  for (let k = 0; k < count; k += 1) {
    const id = names.known + k;
    const name = called(id);
    const stays = k < before || (own[k] && (!name || name === own[k].name));
    const same = name && own.find((action) => action.name === name);
    to.set(id, stays ? id : same ? same.id : names.known + added);
    if (to.get(id) === names.known + added) added += 1;
  }
  return {added, to: (id) => to.get(id) ?? id};
}

const edits = (() => {
  const key = `asot-page-${data.id}`;
  const first = data.recordings.map(({strip, used}) => ({strip, used}));
  const totals = new Map(data.actions.map(({id, amount, segments}) => [id, {amount, segments, written: segments > 0}]));
  const {transitions} = data;
  const moments = new Map(); // of the recordings that were opened
  const places = new Map(data.recordings.map((row, n) => [row.name, n]));
  let others = []; // of recordings that a page of the same actions has, and this one not
  const [past, future] = [[], []];
  let now = {names: new Map(), added: names.added, recordings: new Map()}; // maps that are replaced, not changed
  let kept = true;
  let last = null;

  const segments = (n) => now.recordings.get(n) ?? data.recordings[n].corrected;

  // Corrected segments [start, end, action, note] with another one laid over them.
  function laid(list, [start, end, action, note = '']) {
    const rest = list.flatMap(([from, to, ...what]) => [[from, Math.min(to, start), ...what], [Math.max(from, end), to, ...what]]);
    return [...rest.filter(([from, to]) => from < to), [start, end, action, note]].sort((a, b) => a[0] - b[0]);
  }

  function load() {
    let stored = {};
    try {
      stored = JSON.parse(localStorage.getItem(key)) ?? {};
    } catch {
      kept = false;
    }
    now = {names: new Map(), added: names.added, recordings: new Map()};
    try {
      const entries = Array.isArray(stored) ? stored : stored.names ?? [];
      const whole = (value) => (Number.isInteger(value) ? clamp(value, 0, 10000) : 0);
      const {added, to} = placed(whole(stored.added), whole(stored.before), (id) => entries.find((one) => one[0] === id && one[1] === 'name')?.[2]);
      now.added = added;
      names.grow(added);
      for (const [id, field, value] of entries) now.names = names.changed(to(id), field, field === 'merged' ? to(value) : value) ?? now.names;
      others = (stored.recordings ?? []).filter(([name]) => !places.has(name));
      for (const [name, before, given] of (stored.recordings ?? []).filter(([one]) => places.has(one))) {
        const n = places.get(name);
        const row = data.recordings[n];
        const list = given.map(([start, end, action, note]) => [start, end, to(action), note]);
        if (!fitting(list, row.frames, names.has)) continue;
        // A page that was written again since may have corrections of others beneath.
        const known = new Set(before.map(String));
        const over = String(before) === String(row.corrected) ? list
          : list.filter((one) => !known.has(String(one))).reduce(laid, row.corrected);
        if (String(over) !== String(row.corrected)) now.recordings.set(n, over);
      }
    } catch { /* what is no state of ours is left out */ }
    account();
  }

  // Take the next state, which a person made: what it was, and what goes on from the step before.
  function commit(next, what, going = null) {
    if (going === null || going !== last) past.push([now, what]);
    last = going;
    future.length = 0;
    settle({...now, ...next});
  }

  function settle(next) {
    now = next;
    names.grow(now.added);
    try {
      const all = {
        names: [...now.names].flatMap(([id, fields]) => Object.entries(fields).map(([field, value]) => [id, field, value])),
        added: now.added,
        before: names.added,
        recordings: [...now.recordings].map(([n, list]) => [data.recordings[n].name, data.recordings[n].corrected, list]).concat(others),
      };
      if (all.names.length || all.recordings.length || now.added > names.added) localStorage.setItem(key, JSON.stringify(all));
      else localStorage.removeItem(key);
      kept = true;
    } catch {
      kept = false;
    }
    account();
    names.refresh();
  }

  function turn(from, to, word) {
    const step = from.pop();
    last = null;
    if (!step) return toast(`Nothing to ${word.toLowerCase()}.`);
    to.push([now, step[1]]);
    settle(step[0]);
    return toast(`${word === 'Undo' ? 'Undone' : 'Done again'}: ${step[1]}`);
  }

  // The strips, shares, amounts and counts of recordings that were corrected here, by the columns of strips.
  function account() {
    for (const action of data.actions) Object.assign(action, totals.get(action.id) ?? {amount: 0, segments: 0});
    const each = new Map(data.actions.map((action) => [action.id, action]));
    const pairs = new Map(transitions.map(([a, b, times]) => [`${a} ${b}`, times]));
    const count = (strip, sign) => {
      for (let i = 0; i < strip.length; i += 2) {
        const pair = `${strip[i - 2]} ${strip[i]}`;
        if (strip[i] >= 0) each.get(strip[i]).segments += sign;
        if (i && strip[i] >= 0 && strip[i - 2] >= 0) pairs.set(pair, (pairs.get(pair) ?? 0) + sign);
      }
    };
    first.forEach(({strip, used}, n) => {
      const row = data.recordings[n];
      const list = now.recordings.get(n);
      Object.assign(row, {strip, used});
      if (!list) return;
      const columns = [];
      for (let i = 0; i < strip.length; i += 2) columns.push(...Array(strip[i + 1]).fill(strip[i]));
      const at = moments.get(n);
      const column = (frame) => Math.round(columns.length * (at ? (at[frame] - at[0]) / (at.at(-1) - at[0]) : frame / row.frames));
      for (const [start, end, action] of list) columns.fill(action, column(start), column(end));
      row.strip = [];
      const counts = new Map();
      columns.forEach((action, i) => {
        if (i && action === columns[i - 1]) row.strip[row.strip.length - 1] += 1;
        else row.strip.push(action, 1);
        counts.set(action, (counts.get(action) ?? 0) + 1 / columns.length);
      });
      counts.delete(-1);
      row.used = [...counts].sort((a, b) => a[0] - b[0]);
      const whole = data.unit === 's' ? row.seconds : row.frames;
      for (const [action, share] of used) each.get(action).amount -= share * whole;
      for (const [action, share] of row.used) each.get(action).amount += share * whole;
      count(strip, -1);
      count(row.strip, 1);
    });
    for (const action of data.actions) if (action.amount < 1e-6) action.amount = action.segments = 0;
    data.transitions = [...pairs].filter(([, times]) => times > 0).map(([pair, times]) => [...pair.split(' ').map(Number), times])
      .filter(([a, b]) => each.get(a).amount && each.get(b).amount);
  }

  const put = (n, list, what) => String(list) !== String(segments(n)) && commit({recordings: new Map(now.recordings).set(n, list)}, `${what} in ${data.recordings[n].name || '(no name)'}`);

  addEventListener('storage', (event) => {
    if (event.key !== key) return;
    past.length = future.length = 0;
    load();
    names.refresh();
  });

  return {
    load, commit, laid, put, segments, moments, places,
    get now() { return now; },
    get kept() { return kept; },
    get count() { return now.names.size + now.recordings.size + (now.added - names.added); },
    get names() { return now.names; },
    // Give frames [start, end) of recordings, open or not, an action, or none (-1): one step for all of them.
    give(places, action) {
      const recordings = new Map(now.recordings);
      for (const {recording: n, start, end} of places) recordings.set(n, laid(recordings.get(n) ?? segments(n), [start, end, action]));
      commit({recordings}, `${many(places.length, 'segment')} as ${names.label(action)}`);
    },
    // Add an action that no model knows; returns its label.
    addAction(name) {
      names.grow(now.added + 1);
      const {id} = data.actions.at(-1);
      commit({added: now.added + 1, names: names.changed(id, 'name', name) ?? now.names}, `The new action ${name}`);
      return id;
    },
    // Start from another state, in which actions have these fields: [id, fields].
    replace(next, fields) {
      const before = now;
      now = {...next, names: new Map()};
      names.grow(now.added);
      const take = (id, field, value) => { now = {...now, names: names.changed(id, field, value) ?? now.names}; };
      for (const [id] of fields) take(id, 'merged', null); // else new merges could close a circle with old ones
      for (const [id, values] of fields) for (const [field, value] of Object.entries(values)) take(id, field, value);
      const after = now;
      now = before;
      commit(after, 'What the file says');
    },
    undo: () => turn(past, future, 'Undo'),
    redo: () => turn(future, past, 'Redo'),
    get undoable() { return past.length > 0; },
    get redoable() { return future.length > 0; },
    // How many of the frames [start, end) people looked at.
    checked(n, start, end) {
      const list = segments(n);
      let [sum, low, high] = [0, 0, list.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (list[middle][1] <= start) low = middle + 1;
        else high = middle;
      }
      for (; low < list.length && list[low][0] < end; low += 1) sum += Math.min(list[low][1], end) - Math.max(list[low][0], start);
      return sum;
    },
  };
})();
edits.load();
