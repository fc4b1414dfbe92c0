// One recording: its player, its timeline, and the segments as a table.

// Plays where there is no video: a cursor that moves as time does.
class Clockwork {
  constructor(end, rate) {
    Object.assign(this, {currentTime: 0, duration: end, rate, playbackRate: 1, paused: true});
  }

  play() {
    if (this.currentTime >= this.duration) this.currentTime = 0;
    this.paused = false;
    let before = performance.now();
    const step = (now) => {
      if (this.paused) return;
      this.currentTime = Math.min(this.currentTime + ((now - before) / 1000) * this.rate * this.playbackRate, this.duration);
      before = now;
      if (this.currentTime >= this.duration) this.paused = true;
      else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
    return Promise.resolve();
  }

  pause() { this.paused = true; }
}

const loading = new Map();
window.asotReceive = (n, recording) => loading.get(n)?.(recording);

// A recording's data: inside the page, or in a script beside it, which file:// may load.
function loadRecording(n) {
  const inside = document.getElementById(`recording-${n}`);
  if (inside) return Promise.resolve(JSON.parse(inside.textContent));
  return new Promise((resolve, reject) => {
    const script = h('script', {src: `data/${n}.js`});
    script.nonce = nonce;
    loading.set(n, resolve);
    script.addEventListener('load', () => script.remove());
    script.addEventListener('error', () => {
      script.remove();
      reject(new Error(`data/${n}.js cannot be read. Keep the page and the folders beside it together.`));
    });
    document.head.append(script);
  });
}

// Seconds: players round, and the moment before the start of a segment is another segment's.
const LATER = 2e-4;
// The same for a frame of a video, whose time its file may round to a millisecond.
const WITHIN = 2e-3;

const KEYS = [['Space', 'play or pause'], ['← and →', 'previous and next segment'], [', and .', 'previous and next frame'], ['p', 'play this segment, then stop'], ['l', 'loop this segment'], ['+ and −', 'zoom in and out'], ['0', 'show all'],
  ['?', 'this list'], ['Ctrl + wheel, pinch', 'zoom; the plain wheel does once the timeline has been clicked'],
  ['Shift + wheel', 'move along']];
const CORRECTING = [['1 to 9', 'give the segment this action'], ['a', 'give it another action, or a new one'], ['x', 'it is no action'], ['Enter', 'it is right as it is'],
  ['Shift + Enter', 'the whole recording is right'], ['[ and ]', 'start or end the segment at the cursor'], ['s', 'split it at the cursor'], ['j', 'join it with the one before'],
  ['m', 'note on it'], ['Backspace', 'back to what was found'], ['n', 'next doubtful place, of all recordings'], ['Ctrl + Z', 'undo'], ['Ctrl + Shift + Z', 'redo']];

const keyList = (keys) => h('dl', {class: 'keys'}, keys.map(([key, what]) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, what)]));

function recordingView(main, place, at) {
  const n = Number(place);
  const row = data.recordings[n];
  if (!row) return missing(main, `There is no recording ${place}.`);
  const order = indexState.order?.includes(n) ? indexState.order : data.recordings.map((_, i) => i);
  const beside = (step, text) => {
    const other = order[order.indexOf(n) + step];
    return other === undefined ? h('span', {class: 'muted', 'aria-disabled': 'true'}, text)
      : h('a', {href: `#/recording/${other}`, title: data.recordings[other].name, rel: step < 0 ? 'prev' : 'next'}, text);
  };
  put(main, h('div', {class: 'crumbs'}, h('a', {href: '#/'}, 'All recordings'),
    h('nav', {'aria-label': 'Neighbours'}, beside(-1, '← Previous'), h('span', {class: 'muted'}, `${order.indexOf(n) + 1} of ${order.length}`), beside(1, 'Next →'))),
  h('h1', {class: 'name'}, row.name || '(no name)'));
  const view = {refresh: () => {}, stop: () => {}, title: row.name};
  let gone = false;
  loadRecording(n).then((recording) => {
    if (!gone) Object.assign(view, showRecording(main, recording, n, at));
  }, (error) => main.append(h('p', {class: 'problem', role: 'alert'}, error.message)));
  return {title: row.name, refresh: () => view.refresh(), print: () => view.print?.(), stop: () => { gone = true; view.stop(); }};
}

function showRecording(main, recording, n, at) {
  const {unit, start, end} = recording;
  const row = data.recordings[n];
  const moments = unpacked(recording.moments, row.frames);
  edits.moments.set(n, moments);
  const [found, ...others] = recording.tracks;
  // The tracks with these corrected segments.
  const tracks = (list) => [{...joined(corrected(found, list, moments)), list}, ...others.map(joined)];
  recording = {...recording, tracks: tracks(edits.segments(n))};
  let track = recording.tracks[0];
  let player;
  let offset = start;
  let span = null; // [start, end, again]: what is being played or looped
  let current = -1;
  let frame = 0;

  const time = () => player.currentTime + offset;
  const screen = h('div', {class: 'screen'});
  const note = h('p', {class: 'problem', hidden: true});
  const toggle = button('Play', () => { span = null; play(player.paused); }, {image: 'play', look: 'primary', text: ''});
  const looping = button('Loop this segment (l)', () => loop(), {image: 'loop', text: '', 'aria-pressed': 'false'});
  const frames = [button('Previous frame (,)', () => stepFrame(-1), {image: 'back', text: ''}), button('Next frame (.)', () => stepFrame(1), {image: 'forth', text: ''})];
  const sound = button('Sound', () => { player.muted = !player.muted; controls(); }, {image: 'sound', text: ''});
  const full = button('Full screen', () => player.requestFullscreen(), {image: 'full', text: ''});
  const clock = h('span', {class: 'clock'});
  const label = h('a', {class: 'tag now'}, h('span', {class: 'swatch', 'aria-hidden': 'true'}), h('strong', {}));
  const detail = h('span', {class: 'muted'});
  const speed = h('select', {'aria-label': 'Speed', onchange: () => { player.playbackRate = Number(speed.value); }},
    [0.25, 0.5, 1, 1.5, 2, 4].map((rate) => h('option', {value: rate, selected: rate === 1}, `${rate}×`)));

  const timeline = new Timeline(recording, row, (t) => { span = null; seek(t); });
  timeline.moments = moments;
  const rows = [];
  const counted = h('span');
  const rowOf = (i) => {
    const [action, from, to] = [track.labels[i], track.edges[i], track.edges[i + 1]];
    const go = h('button', {type: 'button', class: 'plain', onclick: () => { span = null; seek(from); }},
      action < 0 ? h('span', {class: 'muted'}, 'no action') : [swatch(action), nameOf(action)]);
    const [checked, ...notes] = track.checked[i] ? Timeline.said(track, i) : [];
    const mark = checked ? h('span', {class: 'checked', title: checked}, h('span', {'aria-hidden': 'true'}, checked === 'checked' ? '✓' : '(✓)'), h('span', {class: 'unseen'}, checked)) : null;
    const cells = [moment(from, unit), moment(to, unit), unit === 's' ? (to - from).toFixed(3) : length(to - from, unit)];
    return h('tr', {onclick: (event) => { if (!event.target.closest('button')) go.click(); }},
      h('td', {class: 'number muted extra'}), h('th', {scope: 'row'}, go, mark, notes.map((note) => h('div', {class: 'noted'}, note))), cells.map((cell) => h('td', {class: 'number'}, cell)),
      track.confidence ? h('td', {class: 'number extra'}, checked === 'checked' ? '' : percent(track.confidence[i], 0)) : null);
  };

  // Lay out the rows that changed: all of them would take the browser longer than a keystroke.
  function listRows() {
    const wanted = track.labels.slice(0, most).map((action, i) => String([action, track.edges[i], track.edges[i + 1], track.checked[i], track.confidence?.[i], track.notes[i]]));
    const fewest = Math.min(rows.length, wanted.length);
    let [first, last] = [0, 0];
    while (first < fewest && rows[first].shows === wanted[first]) first += 1;
    while (last < fewest - first && rows.at(-1 - last).shows === wanted.at(-1 - last)) last += 1;
    const made = wanted.slice(first, wanted.length - last).map((shows, k) => Object.assign(rowOf(first + k), {shows}));
    rows.splice(first, rows.length - first - last, ...made).forEach((row) => row.remove());
    const after = rows[first + made.length] ?? null;
    made.forEach((row) => body.insertBefore(row, after));
    rows.forEach((row, i) => { if (row.firstChild.textContent !== String(i + 1)) row.firstChild.textContent = i + 1; });
  }

  const body = h('tbody');
  let most = 500;
  const more = button('Show all segments', () => { most = Infinity; laid(); });
  const list = h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Segments'}, h('table', {class: 'segments'},
    h('caption', {class: 'unseen'}, 'Segments; choosing one goes to its start'),
    h('thead', {}, h('tr', {}, [['#', 'number extra'], ['Action', ''], ['Start', 'number'], ['End', 'number'], [unit === 's' ? 'Seconds' : 'Length', 'number'], ...(track.confidence ? [['Conf.', 'number extra']] : [])]
      .map(([text, look]) => h('th', {scope: 'col', class: look}, text)))), body), more);

  const help = h('dialog', {class: 'help', 'aria-labelledby': 'keys'}, h('h2', {id: 'keys'}, 'Keys'), h('div', {class: 'two'}, keyList(KEYS), keyList(CORRECTING)),
    h('form', {method: 'dialog'}, h('button', {class: 'primary'}, 'Close')));

  // Draw the segments as they would be with these corrected ones.
  function preview(list = edits.segments(n)) {
    timeline.recording.tracks = recording.tracks = tracks(list);
    [track] = recording.tracks;
    recording.within = recording.steps ? stepTrack(recording.steps, list, moments) : null;
    timeline.layout();
    rows[current]?.removeAttribute('aria-current');
    current = -1;
  }

  function laid() {
    const held = body.contains(document.activeElement);
    preview();
    listRows();
    counted.textContent = many(track.labels.length, 'segment');
    more.hidden = track.labels.length <= most;
    if (player) tick();
    if (held && !body.contains(document.activeElement)) (rows[current]?.querySelector('button') ?? list).focus({preventScroll: true});
  }

  function seek(t) {
    player.currentTime = clamp(t + (unit === 's' ? LATER : 0) - offset, 0, Math.max(0, player.duration || Infinity));
    tick();
  }

  function play(on) {
    if (!on) player.pause();
    else player.play()?.catch((error) => { if (error.name !== 'AbortError') say('The browser would not play this video.'); });
    controls();
    cancelAnimationFrame(frame);
    if (on) run();
  }

  function run() {
    tick();
    if (player.paused) return controls();
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(run);
    return undefined;
  }

  // Everything that follows the playhead.
  function tick() {
    const t = time();
    const close = unit === 's' ? 0.012 : 0.01;
    if (span && t >= span[1] - close) {
      if (span[2]) {
        player.currentTime = span[0] + (unit === 's' ? LATER : 0) - offset;
        if (player.paused) play(true); // the recording was over too
      } else {
        player.pause();
        player.currentTime = span[1] - close - offset;
        span = null;
      }
    }
    const now = clamp(time(), start, end);
    clock.textContent = moment(now, unit);
    timeline.show(now);
    figure?.show(now);
    const i = Timeline.at(track, now);
    if (i !== current) tell(i);
  }

  function tell(i) {
    rows[current]?.removeAttribute('aria-current');
    current = i;
    rows[i]?.setAttribute('aria-current', 'true');
    if (rows[i]) keepInView(list, rows[i]);
    const action = track.labels[i];
    label.lastChild.textContent = Timeline.label(track, i);
    label.firstChild.hidden = action < 0;
    if (action >= 0) {
      paint(label.firstChild, Timeline.style(track, i));
      label.href = `#/action/${action}`;
    } else label.removeAttribute('href');
    const [from, to] = [track.edges[i], track.edges[i + 1]];
    detail.textContent = [`${moment(from, unit)} – ${moment(to, unit)}`, length(to - from, unit), ...Timeline.sure(track, i), ...Timeline.said(track, i)].join(' · ');
  }

  function controls() {
    const playing = !player.paused;
    toggle.replaceChildren(icon(playing ? 'pause' : 'play'));
    toggle.setAttribute('aria-label', playing ? 'Pause' : 'Play');
    toggle.title = `${playing ? 'Pause' : 'Play'} (space)`;
    looping.setAttribute('aria-pressed', String(Boolean(span?.[2])));
    sound.replaceChildren(icon(player.muted ? 'mute' : 'sound'));
  }

  const step = (by) => { span = null; seek(track.edges[clamp(Timeline.at(track, time()) + by, 0, track.labels.length - 1)]); };

  // One frame of the video, or of the signals where there is none.
  function stepFrame(by) {
    span = null;
    player.pause();
    const near = nearest(moments, time());
    if (!player.src) seek(moments[clamp(near - (moments[near] > time() + 1e-6) + by, 0, row.frames)]);
    else {
      const pace = recording.rate ? 1 / recording.rate : (end - start) / row.frames;
      const k = Math.floor((player.currentTime + WITHIN / 2) / pace + 1e-6);
      player.currentTime = clamp((k + by) * pace + Math.min(WITHIN, pace / 4), 0, player.duration || Infinity);
      tick();
    }
    controls();
  }

  // Play the current segment, once or again and again.
  function playSegment(again) {
    const i = Timeline.at(track, clamp(time(), start, end));
    span = [track.edges[i], track.edges[i + 1], again];
    seek(span[0]);
    play(true);
  }

  function loop() {
    if (span?.[2]) {
      span = null;
      controls();
    } else playSegment(true);
  }

  function copy() {
    const text = moment(clamp(time(), start, end), unit);
    const done = () => toast(`Copied ${text}`);
    const byHand = () => {
      const box = h('textarea', {'aria-label': 'Time'}, text);
      document.body.append(box);
      box.select();
      const copied = document.execCommand('copy');
      box.remove();
      if (copied) done();
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, byHand);
    else byHand();
  }

  function say(text, more = null) {
    note.replaceChildren(text, ...(more ? [more] : []));
    note.hidden = !text;
  }

  // Without a video the timeline plays by itself.
  function withoutVideo() {
    const moved = player ? time() : start;
    offset = start;
    player = new Clockwork(end - start, unit === 's' ? 1 : 25);
    player.currentTime = clamp(moved - start, 0, end - start);
    screen.hidden = !figure;
    if (figure) {
      screen.classList.add('poses');
      screen.replaceChildren(...figure.elements);
    }
    sound.hidden = full.hidden = true;
    controls();
  }

  const figure = recording.pose && poseScreen(recording.pose, row.name);
  const media = playable(recording);
  if (media?.src) {
    offset = media.offset;
    player = h('video', {src: mediaUrl(media.src), preload: 'auto', playsinline: true, 'aria-label': `Video of ${row.name}`, onclick: () => toggle.click()});
    for (const kind of ['play', 'pause', 'ended', 'volumechange']) player.addEventListener(kind, () => { controls(); if (kind === 'play') { cancelAnimationFrame(frame); run(); } });
    for (const kind of ['seeked', 'timeupdate', 'ended', 'loadedmetadata']) player.addEventListener(kind, tick);
    player.addEventListener('error', () => {
      withoutVideo();
      say(`The video cannot be played here: it may have been moved, or be of a kind that this browser does not know.${recording.original && !data.shared ? ` It was ${recording.original}.` : ''}`, askFor(recording));
    });
    sound.hidden = media.mute;
    screen.append(player, ...(figure ? figure.elements.slice(1) : []));
    screen.classList.toggle('poses', Boolean(figure));
  } else withoutVideo();
  say(media?.note ?? '', media?.lost && !media.src ? askFor(recording) : null);

  const desk = corrector({n, moments, timeline, track: () => track, time: () => clamp(time(), start, end), seek: (t) => { span = null; seek(t); }, preview: (list) => (list ? preview(list) : laid())});
  const keys = {
    ...desk.keys, ' ': () => toggle.click(), ArrowLeft: () => step(-1), ArrowRight: () => step(1),
    ',': () => stepFrame(-1), '.': () => stepFrame(1), p: () => playSegment(false), l: loop, '+': () => timeline.zoom(1.5), '=': () => timeline.zoom(1.5), '-': () => timeline.zoom(1 / 1.5),
    0: () => timeline.look(start, end - start), '?': () => (help.open ? help.close() : help.showModal()),
  };
  function press(event) {
    const {target} = event;
    const pressed = event.key.length > 1 ? event.key : event.key.toLowerCase(); // a key is one with Caps Lock too
    const key = event.shiftKey && pressed === 'Enter' ? 'Shift+Enter' : pressed;
    const typing = target.closest('input, select, textarea');
    const pressing = (key === ' ' || key === 'Enter') && target.closest('button, a, summary');
    // Some keyboards have [ and ] with Alt.
    const held = event.ctrlKey || event.metaKey || (event.altKey && key !== '[' && key !== ']');
    if (held || typing || pressing || !Object.hasOwn(keys, key)) return;
    if (find('dialog[open]') && !(help.open && key === '?')) return;
    event.preventDefault();
    keys[key]();
  }
  document.addEventListener('keydown', press);

  // The timeline lies close to what is seen, and not below the signals of a log what they are corrected with.
  const seen = Boolean(media?.src || figure);
  const chips = [unit === 's' ? length(end - start) : length(end, unit), row.activity, counted, row.verdict && `verdict: ${row.verdict}`, row.confidence === null ? null : `confidence ${percent(row.confidence)}`, ...Object.entries(row.scores).map(([name, score]) => `${name} ${percent(score)}`)];
  put(main,
    h('p', {class: 'lead'}, chips.filter(Boolean).flatMap((chip, i) => [i ? ' · ' : null, h('bdi', {}, chip)])),
    remarks(recording.remarks),
    h('div', {class: `desk${seen ? '' : ' blind'}`},
      h('section', {class: 'player', 'aria-label': 'Player'}, note, screen,
        h('div', {class: 'saying', 'aria-live': 'polite'}, label, detail),
        h('div', {class: 'controls'}, button('Previous segment (←)', () => step(-1), {image: 'previous', text: ''}), frames[0], toggle, frames[1],
          button('Next segment (→)', () => step(1), {image: 'next', text: ''}), button('Play this segment (p)', () => playSegment(false), {image: 'segment', text: ''}),
          looping, clock, button('Copy the time', copy, {image: 'copy', text: ''}), h('span', {class: 'gap'}), speed, sound, full)),
      h('section', {class: 'beneath', 'aria-label': 'Timeline'}, seen ? timeline.element : desk.element, seen ? null : timeline.element,
        h('div', {class: 'controls'}, recording.signals.length > 1 ? chooser(timeline) : null, h('span', {class: 'gap'}),
          button('Zoom out (-)', () => timeline.zoom(1 / 1.5), {image: 'minus', text: ''}), button('Zoom in (+)', () => timeline.zoom(1.5), {image: 'plus', text: ''}),
          button('Show all', keys[0]), button('Keys', keys['?'], {'aria-keyshortcuts': '?'})),
        seen ? desk.element : null),
      h('section', {class: 'list'}, list)),
    help);
  laid();
  // What is pressed with a mouse does not take the keys.
  find('.desk', main).addEventListener('mousedown', (event) => { if (event.target.closest('button')) event.preventDefault(); });
  controls();
  seek(at === undefined ? start : Number(at) || start);
  desk.aim();

  return {
    refresh() {
      laid();
      desk.refresh();
      figure?.redraw();
      timeline.overview.setAttribute('aria-label', stripText(row));
    },
    // Paper does not wait for the next frame.
    print() {
      timeline.layout();
      timeline.paint();
      figure?.redraw();
    },
    stop() {
      cancelAnimationFrame(frame);
      player.pause();
      if (player.src) player.removeAttribute('src');
      timeline.stop();
      desk.stop();
      document.removeEventListener('keydown', press);
    },
  };
}

// Which signals the timeline shows.
function chooser(timeline) {
  return h('details', {class: 'chooser'}, h('summary', {}, 'Signals'), h('div', {}, timeline.signals.map((signal) =>
    h('label', {}, h('input', {type: 'checkbox', checked: signal.shown, onchange: (event) => {
      signal.shown = event.target.checked;
      timeline.layout();
    }}), signal.name))));
}

// Scroll a box, and not the page, so that one of its rows is seen.
function keepInView(box, row) {
  const [outer, inner] = [box.getBoundingClientRect(), row.getBoundingClientRect()];
  const head = 32;
  if (inner.top < outer.top + head) box.scrollTop += inner.top - outer.top - head;
  else if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom;
}

function missing(main, text) {
  main.append(h('h1', {}, 'Not here'), h('p', {}, text, ' ', h('a', {href: '#/'}, 'All recordings')));
  return {title: 'Not here', refresh() {}, stop() {}};
}
