// Correcting in the view of a recording: a bar, keys, boundaries to drag, and the doubtful places of all.

const same = (a, b) => a === b || (a >= 0 && b >= 0 && names.root(a) === names.root(b));

// The boundary of frames that is nearest to a moment.
function nearest(moments, t) {
  let [low, high] = [0, moments.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (moments[middle] <= t) low = middle;
    else high = middle;
  }
  return t - moments[low] <= moments[high] - t ? low : high;
}

// The most doubtful places of all recordings, which are asked for one after the other.
const doubts = {
  passed: new Set(), // asked about in this round
  here: null, // the recording that is shown: {n, aim}
  aimed: null,
  open: ([n, start, end]) => edits.checked(n, start, end) < end - start,
  get left() { return data.doubts.filter(doubts.open).length; },
  // What is left of a doubt between actions, some of which may be one by now.
  size: ([, , , , action, doubt, rivals]) => rivals.reduce((left, [other, part]) => (same(action, other) ? left - part : left), doubt),
  go() {
    const open = data.doubts.filter(doubts.open).map((one) => [doubts.size(one), one]).sort(([a], [b]) => b - a).map(([, one]) => one);
    if (!open.length) return toast(data.doubts.length ? 'Every doubtful place has been looked at.' : 'The page does not know how sure its segments are.');
    if (open.every((one) => doubts.passed.has(one))) doubts.passed.clear();
    const found = open.find((one) => !doubts.passed.has(one));
    doubts.passed.add(found);
    doubts.aimed = found;
    const [n, , , time] = found;
    if (doubts.here?.n === n) doubts.here.aim();
    else location.hash = `#/recording/${n}/${time}`;
    return undefined;
  },
};

const doubtful = (text) => button(`${text} (n)`, () => doubts.go(), {image: 'forth', text, look: 'primary', 'aria-keyshortcuts': 'n'});

// Asks for an action by typing a part of its name; a new name adds an action.
function picker(choose) {
  let [shown, at] = [[], 0];
  const list = h('ul', {id: 'choices', role: 'listbox', 'aria-label': 'Actions'});
  const input = h('input', {type: 'text', role: 'combobox', autocomplete: 'off', 'aria-label': 'Find an action, or type a new one', 'aria-expanded': 'true', 'aria-controls': 'choices',
    placeholder: 'Find an action, or type a new one', oninput: () => { at = 0; update(); }});
  const box = h('dialog', {class: 'picker', 'aria-label': 'Choose an action', onclose: () => box.remove()}, input, list);
  const take = (id) => {
    box.close();
    choose(id ?? edits.addAction(input.value.trim()));
  };
  function update() {
    const text = input.value.trim();
    // Also the names of what was merged into it: a second action of such a name would be taken for the first.
    const own = (id) => names.group(id).map((one) => names.get(one).name);
    const words = (id) => [id + 1, names.label(id), ...own(id)].join(' ').toLowerCase();
    const whole = (id) => names.label(id).toLowerCase() === text.toLowerCase();
    shown = data.actions.map(({id}) => id).filter((id) => names.root(id) === id && words(id).includes(text.toLowerCase())).sort((a, b) => whole(b) - whole(a));
    if (text && !shown.some((id) => names.label(id) === text || own(id).includes(text))) shown.push(null);
    at = clamp(at, 0, Math.max(0, shown.length - 1));
    list.replaceChildren(...shown.map((id, k) => h('li', {id: `choice-${k}`, role: 'option', 'aria-selected': String(k === at), onclick: () => take(id)},
      id === null ? [icon('plus'), h('span', {}, `Add “${text}” as a new action`)] : [swatch(id), h('span', {}, names.label(id)), h('span', {class: 'muted'}, id + 1)])));
    input.setAttribute('aria-activedescendant', `choice-${at}`);
    list.children[at]?.scrollIntoView({block: 'nearest'});
  }
  input.addEventListener('keydown', (event) => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (step) at = clamp(at + step, 0, shown.length - 1);
    else if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    if (step) update();
    else if (at < shown.length) take(shown[at]);
  });
  document.body.append(box);
  update();
  box.showModal();
}

// `view` has the recording's number `n`, `moments`, `timeline`, `track()`, `time()`, `seek(t)` and `preview(list)`.
function corrector(view) {
  const {n, moments, timeline} = view;
  const {laid} = edits;
  const all = () => edits.segments(n);
  const put = (list, what) => edits.put(n, list, what);
  const segment = (i, track = view.track()) =>
    (i < 0 || i >= track.labels.length ? null : [track.frames[i], track.frames[i + 1], track.labels[i], track.notes[i]]);
  const here = () => Timeline.at(view.track(), view.time());
  const cursor = () => nearest(moments, view.time());
  const both = (...notes) => [...new Set(notes.filter(Boolean))].join('; ');

  function give(action, about = segment(here())) {
    let [start, end, , note] = about;
    // Corrected neighbours of this action become one with it.
    for (const [from, to, other, text] of all()) {
      if ((to !== start && from !== end) || !same(other, action)) continue;
      [start, end, note] = [Math.min(start, from), Math.max(end, to), both(note, text)];
    }
    put(laid(all(), [start, end, action, note]), action < 0 ? 'No action' : names.label(action));
    find('#toast').hidden = true; // it asked for that, or is of the past
  }

  function byNumber(k) {
    if (names.has(k) && names.root(k) === k) give(k);
    else toast(names.has(k) ? `Action ${k + 1} is one with ${names.label(k)}.` : `There is no action ${k + 1}: a adds one.`);
  }

  // The corrected segments, if boundary i, before segment i, stood at another frame.
  function moved(i, frame, track = view.track()) {
    const [left, right] = [segment(i - 1, track), segment(i, track)];
    const at = clamp(frame, left ? left[0] + 1 : 0, right ? right[1] - 1 : moments.length - 1);
    let list = all();
    if (at > (left?.[0] ?? 0)) list = laid(list, left ? [left[0], at, left[2], left[3]] : [0, at, -1, '']);
    const end = right?.[1] ?? moments.length - 1;
    if (at < end) list = laid(list, right ? [at, end, right[2], right[3]] : [at, end, -1, '']);
    return {at, list};
  }

  function move(by) {
    const i = here();
    const frame = clamp(cursor(), segment(i)[0] + by, segment(i)[1] - 1 + by);
    if (frame === segment(i)[by]) return toast(`The segment ${by ? 'ends' : 'starts'} here already.`);
    return put(moved(i + by, frame).list, by ? 'The end of a segment' : 'The start of a segment');
  }

  function split() {
    const [start, end, action, note] = segment(here());
    if (end - start < 2) return toast('One frame cannot be split.');
    const at = cursor();
    if (at <= start || at >= end) return toast('Put the cursor where the segment is to be split: it is at its start or end.');
    put(laid(laid(all(), [start, at, action, note]), [at, end, action, '']), 'A split');
    view.seek(moments[at]);
    return toast('Split. Give one of the halves another action: without it they are one in tables.');
  }

  function join() {
    const [before, own] = [segment(here() - 1), segment(here())];
    if (!before) return toast('There is no segment before this one.');
    return put(laid(all(), [before[0], own[1], before[2], both(before[3], own[3])]), 'A join');
  }

  function forget() {
    const [start, end] = segment(here());
    put(all().filter(([from, to]) => to <= start || from >= end), 'Back to what was found');
  }

  const confirm = () => put(laid(all(), segment(here())), 'Right as it is');
  const confirmAll = () => put(view.track().labels.map((_, i) => segment(i)), 'All segments');
  const pick = () => {
    const about = segment(here()); // whatever plays on meanwhile
    picker((action) => give(action, about));
  };

  const noted = h('input', {type: 'text', 'aria-label': 'Note on this segment', placeholder: 'Note, then Enter'});
  const noting = h('form', {class: 'noting', hidden: true, onsubmit: (event) => {
    event.preventDefault();
    const [start, end, action] = noting.about;
    put(laid(all(), [start, end, action, noted.value.trim().replace(/\s+/g, ' ')]), 'A note');
    leave();
  }}, noted, h('button', {class: 'quiet'}, 'Keep'));
  noted.addEventListener('keydown', (event) => { if (event.key === 'Escape') leave(); });
  function leave() {
    noting.hidden = true;
    timeline.stage.focus({preventScroll: true});
  }
  function note() {
    noting.about = segment(here());
    noted.value = noting.about[3];
    noting.hidden = false;
    noted.focus();
  }

  const tool = (label, key, onclick, image, text = label) => button(`${label} (${key})`, onclick, {image, text, 'aria-keyshortcuts': key.replace('Ctrl', 'Control')});
  const undo = tool('Undo', 'Ctrl+Z', edits.undo, 'undo', '');
  const redo = tool('Redo', 'Ctrl+Shift+Z', edits.redo, 'redo', '');
  const chips = h('div', {class: 'controls chips', role: 'group', 'aria-label': 'Give this segment an action'});
  const next = doubtful('Next doubtful place');
  const keeping = unkept();
  const element = h('section', {class: 'correct', 'aria-label': 'Correct'}, keeping,
    h('p', {class: 'muted'}, h('strong', {}, 'Not right? '), 'Drag a boundary, or choose what this segment is: a number key will do. ', h('kbd', {}, 'Enter'), ' says that it is right, ', h('kbd', {}, 'n'),
      ' goes to the next doubtful place, ', h('kbd', {}, '?'), ' lists all keys. Then download the corrections above.'),
    chips,
    h('div', {class: 'controls work', role: 'group', 'aria-label': 'Correct this segment'}, tool('Right as it is', 'Enter', confirm, 'right', 'Right'), tool('Split at the cursor', 's', split, 'split', 'Split'),
      tool('Start the segment at the cursor', '[', () => move(0), 'starts', 'Start here'), tool('End the segment at the cursor', ']', () => move(1), 'ends', 'End here'),
      tool('Join with the segment before', 'j', join, 'join', 'Join'), tool('No action', 'x', () => give(-1), 'none'), tool('Note on the segment', 'm', note, 'note', 'Note'),
      tool('Back to what was found', 'Backspace', forget, 'again', ''), undo, redo, h('span', {class: 'gap'}), tool('The whole recording is right', 'Shift+Enter', confirmAll, 'every', 'All right'), next),
    noting);

  function refresh() {
    const roots = data.actions.filter((action) => names.root(action.id) === action.id && (action.amount || action.written || action.added)).map(({id}) => id);
    const few = roots.length > 14 ? roots.filter((id) => id < 9) : roots;
    const shows = String([few.map((id) => [id, names.label(id)]), few.length < roots.length]);
    const held = chips.contains(document.activeElement);
    if (chips.shows !== shows) chips.replaceChildren(...few.map((id) => button(`${names.label(id)}${id < 9 ? ` (${id + 1})` : ''}`, () => give(id), {text: ''})), button(few.length < roots.length ? 'Others (a)' : 'New action (a)', pick, {'aria-keyshortcuts': 'a', image: 'plus'}));
    if (chips.shows !== shows) few.forEach((id, k) => fill(chips.children[k], {}, [id < 9 ? h('kbd', {'aria-hidden': 'true'}, id + 1) : null, swatch(id), nameOf(id)]));
    chips.shows = shows;
    if (held && !chips.contains(document.activeElement)) chips.lastChild.focus({preventScroll: true});
    for (const [one, able] of [[undo, edits.undoable], [redo, edits.redoable]]) {
      if (!able && one === document.activeElement) timeline.stage.focus({preventScroll: true});
      one.disabled = !able;
    }
    const count = doubts.left;
    next.lastChild.textContent = `Next doubtful${count ? ` (${count})` : ''}`;
    next.hidden = !data.doubts.length;
    keeping.hidden = edits.kept;
  }

  // Boundaries are dragged, and snap to frames.
  const {stage} = timeline;
  let drag = null;
  const spot = (event) => event.clientX - stage.getBoundingClientRect().left;
  function boundary(event) {
    const y = event.clientY - stage.getBoundingClientRect().top;
    const [row, track, x] = [timeline.rows[0], view.track(), spot(event)];
    if (y < row.y - 4 || y > row.y + row.height + 4 || x < timeline.left) return 0;
    const i = Timeline.at(track, timeline.t(x));
    const [near, place] = [event.pointerType === 'touch' ? 14 : 5, (k) => timeline.x(track.edges[k])];
    const reach = (k) => (k > 0 && k < track.labels.length ? Math.abs(place(k) - x) : Infinity);
    const best = reach(i) <= reach(i + 1) ? i : i + 1;
    // Where segments are narrow, the middle of each is for going there.
    const room = Math.min(place(best + 1) - place(best), place(best) - place(best - 1)) / 3;
    return reach(best) <= Math.min(near, room) ? best : 0;
  }
  stage.addEventListener('pointerdown', (event) => {
    const i = event.button || drag ? 0 : boundary(event);
    if (i || drag) event.stopImmediatePropagation(); // one finger draws, others wait
    if (!i) return;
    stage.setPointerCapture(event.pointerId);
    drag = {i, from: spot(event), track: view.track(), list: null, pointer: event.pointerId};
  }, {capture: true});
  stage.addEventListener('pointermove', (event) => {
    if (!drag) {
      stage.style.cursor = boundary(event) ? 'ew-resize' : '';
      return;
    }
    event.stopImmediatePropagation();
    if (event.pointerId !== drag.pointer || (!drag.list && Math.abs(spot(event) - drag.from) < 3)) return;
    const {at, list} = moved(drag.i, nearest(moments, timeline.t(spot(event))), drag.track);
    drag.list = list;
    view.preview(list);
    view.seek(moments[at]);
    timeline.hover(event, spot(event));
  }, {capture: true});
  const drop = (event = null) => {
    if (!drag) return;
    event?.stopImmediatePropagation();
    if (event && event.pointerId !== drag.pointer) return;
    const {list} = drag;
    drag = null;
    if (event?.type !== 'pointerup') view.preview(null);
    else if (list) put(list, 'A boundary');
    else view.seek(timeline.t(spot(event)));
  };
  for (const kind of ['pointerup', 'pointercancel']) stage.addEventListener(kind, drop, {capture: true});

  // Go to a doubtful place of this recording, and look closely enough.
  function aim() {
    if (doubts.aimed?.[0] !== n) return;
    const [, start, end] = doubts.aimed;
    doubts.aimed = null;
    const track = view.track();
    const i = track.labels.findIndex((_, k) => track.frames[k] < end && track.frames[k + 1] > start && track.checked[k] < 1);
    if (i < 0) return;
    const [from, to] = [track.edges[i], track.edges[i + 1]];
    view.seek(from);
    timeline.look(from - (to - from), 3 * (to - from));
  }
  doubts.here = {n, aim};
  refresh();

  const keys = {Enter: confirm, 'Shift+Enter': confirmAll, s: split, '[': () => move(0), ']': () => move(1), j: join, x: () => give(-1), Delete: () => give(-1), Backspace: forget, m: note, a: pick, Escape: drop};
  for (let k = 0; k < 9; k += 1) keys[k + 1] = () => byNumber(k);
  return {element, keys, refresh, aim, stop() { doubts.here = null; }};
}
