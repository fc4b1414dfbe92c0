// The actions: what each looks like, and what people call it.

const titled = (id) => names.unnamed(id).replace('a', 'A');
const examplesOf = (kind, id) => data.examples[kind][id] ?? [];
const moves = (kind, actions) => actions.some(({id}) => examplesOf(kind, id).some((clip) => clip.src || clip.pose));

const allTime = () => data.recordings.reduce((sum, row) => sum + (data.unit === 's' ? row.seconds : row.frames), 0);

// An action together with those merged into it.
function statistics(id) {
  const group = new Set(names.group(id));
  const members = data.actions.filter((action) => group.has(action.id));
  const add = (field) => members.reduce((sum, action) => sum + action[field], 0);
  // Neighbours that become one action become one segment.
  const joined = data.transitions.reduce((sum, [a, b, count]) => sum + (group.has(a) && group.has(b) ? count : 0), 0);
  const segments = add('segments') - joined;
  const shares = data.recordings.map((row, n) => [n, row.used.reduce((sum, [a, share]) => sum + (group.has(a) ? share : 0), 0)])
    .filter(([, share]) => share > 0);
  const amount = add('amount');
  return {
    segments, amount, share: amount / allTime(), mean: segments ? amount / segments : 0, shares,
    histogram: members.reduce((sum, action) => sum.map((n, i) => n + (action.histogram[i] ?? 0)), Array(Math.max(0, data.histogram.length - 1)).fill(0)),
  };
}

const facts = (id) => {
  const s = statistics(id);
  const steps = data.steps?.[id] ? ` · has ${many(data.steps[id], 'step')}` : '';
  return s.amount && s.segments ? `${many(s.segments, 'segment')} · ${length(s.mean, data.unit)} each · ${percent(s.share, 0)} of all time${steps}` : 'Never used';
};

// Name, merge and background of one action.
function editor(id) {
  const input = h('input', {type: 'text', placeholder: names.unnamed(id), autocomplete: 'off', spellcheck: true, 'aria-label': `Name of ${names.unnamed(id)}`,
    oninput: () => names.set(id, 'name', input.value.trim()), onblur: () => { input.value = names.get(id).name; }});
  const merge = h('select', {'aria-label': `Merge ${names.unnamed(id)} with`, onchange: () => names.set(id, 'merged', merge.value === '' ? null : Number(merge.value))});
  const background = h('input', {type: 'checkbox', onchange: () => names.set(id, 'background', background.checked)});
  const reset = button('Reset', () => {
    names.reset(id);
    toast('Reset.', button('Undo', edits.undo, {look: 'plain'}));
  }, {'aria-label': `Reset ${names.unnamed(id)}`});
  const form = h('form', {class: 'editor', onsubmit: (event) => event.preventDefault()},
    h('label', {}, h('span', {}, 'Name'), input), data.actions.length > 1 ? h('label', {}, h('span', {}, 'Merge with'), merge) : null,
    h('label', {class: 'check'}, background, 'Background'), reset);
  function refresh() {
    const own = names.get(id);
    if (document.activeElement !== input) input.value = own.name;
    const targets = data.actions.filter((action) => names.canMerge(id, action.id) && (names.root(action.id) === action.id || own.merged === action.id));
    merge.replaceChildren(h('option', {value: ''}, '–'), ...targets.map((action) => h('option', {value: action.id}, names.label(action.id))));
    merge.value = own.merged ?? '';
    input.disabled = background.disabled = own.merged !== null;
    background.checked = names.get(names.root(id)).background;
  }
  refresh();
  return {form, refresh};
}

// Plays clips while they are in view; stops all of them on request.
function projector() {
  let on = !calm.matches;
  const visible = new Set();
  const set = (video) => {
    if (on && visible.has(video)) {
      video.preload = 'auto';
      video.play().catch(() => {});
    } else video.pause();
  };
  const observer = new IntersectionObserver((entries) => {
    for (const {target, isIntersecting} of entries) {
      visible[isIntersecting ? 'add' : 'delete'](target);
      set(target);
    }
  });
  const switched = button('', () => {
    on = !on;
    name();
    visible.forEach(set);
  }, {look: 'quiet'});
  const name = () => { switched.replaceChildren(icon(on ? 'pause' : 'play'), on ? 'Pause the clips' : 'Play the clips'); };
  name();
  return {watch: (video) => observer.observe(video), stop: () => observer.disconnect(), button: switched};
}

function example(clip, theatre, action) {
  const row = data.recordings[clip.recording];
  const unit = row.seconds === null ? 'frames' : 's';
  const when = `${moment(clip.start, unit, 1)} – ${moment(clip.end, unit, 1)}`;
  let picture = h('div', {class: 'none'}, 'no picture');
  if (clip.src) {
    picture = h('video', {muted: true, loop: true, playsinline: true, preload: 'none', src: mediaUrl(clip.src),
      poster: clip.still && mediaUrl(clip.still), 'aria-label': `Clip of ${row.name}, ${when}`});
    theatre.watch(picture);
    if (clip.pose) picture = h('div', {class: 'both'}, movingFigure(clip.pose, `Moving figure of ${row.name}, ${when}`, picture), picture);
  } else if (clip.pose) {
    picture = movingFigure(clip.pose, `Moving figure of ${row.name}, ${when}`);
    theatre.watch(picture);
  } else if (clip.signals) picture = snippet(clip.signals, `Signals of ${row.name}, ${when}`, unit);
  return h('figure', {class: 'clip'}, h('a', {href: `#/recording/${clip.recording}/${clip.start}`, 'aria-label': `Open ${row.name} at ${moment(clip.start, unit, 1)}`}, picture),
    h('figcaption', {}, h('span', {class: 'cut', title: row.name}, row.name), h('span', {class: 'muted'}, when)));
}

// Channels of an example, each on the scale that it has in all examples.
function snippet({channels, share, span}, label, unit) {
  const [width, height] = [240, 30];
  const short = (value) => String(Number(value.toPrecision(3))).replace('-', '−');
  const lanes = channels.map((channel) => {
    const [largest, smallest] = [bytes(channel.largest), channel.smallest && bytes(channel.smallest)];
    const y = (value) => (height - 1 - (value / 254) * (height - 2)).toFixed(1);
    const points = [...largest].flatMap((value, i) => {
      const x = (((i + 0.5) / largest.length) * width * share).toFixed(1);
      return value > 254 ? [] : [`${x},${y(value)}`, ...(smallest && smallest[i] !== value ? [`${x},${y(smallest[i])}`] : [])];
    });
    return h('div', {class: 'lane'}, h('span', {class: 'channel', title: channel.name}, channel.name),
      svg('svg', {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true'},
        svg('polyline', {points: points.join(' '), 'vector-effect': 'non-scaling-stroke'})),
      h('span', {class: 'reach'}, h('span', {}, short(channel.high)), h('span', {}, short(channel.low))));
  });
  const length_ = h('span', {class: 'span'}, length(span, unit));
  length_.style.width = `${100 * share}%`;
  return h('div', {class: 'snippet', role: 'img', 'aria-label': `${label}: ${channels.map((one) => one.name).join(', ')}`},
    lanes, h('div', {class: 'lane'}, h('span', {}), length_, h('span', {})));
}

// How examples are laid out.
const look = () => (data.poses ? ' poses' : data.measured ? ' measured' : '');

// What tells an action apart, in words.
const portrait = (action) => (action.portrait ? h('p', {class: 'portrait'}, action.portrait) : null);

// The names of the classes of the ground truth, for the actions that have none and were matched with one.
function offered() {
  const taken = new Set(data.actions.map(({id}) => names.get(id).name));
  return data.actions.filter(({id, match}) => match && !taken.has(match) && !names.get(id).name && names.root(id) === id).map(({id, match}) => [id, match]);
}

function actionsView(main) {
  const theatre = projector();
  const cards = data.actions.filter((action) => action.amount || action.added).map((action) => {
    const {form, refresh} = editor(action.id);
    const clips = examplesOf('typical', action.id).slice(0, data.measured ? 2 : 3);
    const text = h('p', {class: 'muted'});
    const card = h('article', {class: 'card', 'aria-label': titled(action.id)},
      h('h2', {}, tag(action.id)), portrait(action), text,
      clips.length ? h('div', {class: `clips${look()}`}, averageFigure(action.id), clips.map((clip) => example(clip, theatre, action.id))) : null, form);
    return {card, refresh() {
      refresh();
      const merged = names.get(action.id).merged !== null;
      card.classList.toggle('merged', merged);
      const root = names.root(action.id);
      const part = merged ? `${titled(action.id)} is part of it.` : `Shares its name with ${names.unnamed(root)}: they are one.`;
      text.replaceChildren(root === action.id && !merged ? facts(action.id) : part, h('br'), action.match ? `Matched with ${action.match}` : '');
    }};
  });
  const unused = data.actions.filter((action) => !action.amount && !action.added);
  const keeping = unkept();
  const likeness = [pairs(), tree()];
  const offer = button('Take the names of the ground truth', () => {
    names.take(offered(), 'The names of the ground truth');
    toast('Actions are called as the classes that they are matched with.', button('Undo', edits.undo, {look: 'plain'}));
  });
  put(main, h('h1', {}, 'Actions'),
    h('p', {class: 'lead'}, 'Watch what each action looks like, give it a name, merge those that are one, and mark what is nothing of interest.'),
    guide(), keeping, likeness[0].box,
    h('div', {class: 'controls'}, moves('typical', data.actions) ? theatre.button : null, offer, button('Reset all names', () => {
      names.reset();
      toast('All names are as they were in the page.', button('Undo', edits.undo, {look: 'plain'}));
    })),
    h('div', {class: 'cards'}, cards.map(({card}) => card)),
    unused.length ? h('p', {class: 'muted'}, `Never used: ${unused.map((action) => `${action.unnamed}${action.name ? ` (${action.name})` : ''}`).join(', ')}.`) : '', likeness[1].box);
  const refresh = () => {
    [...cards, ...likeness].forEach((one) => one.refresh());
    redrawFigures(main);
    keeping.hidden = edits.kept;
    offer.hidden = !offered().length;
  };
  refresh();
  return {title: 'Actions', refresh, stop: theatre.stop};
}

function guide() {
  return h('details', {class: 'guide'}, h('summary', {}, 'How names and corrections get into your results'),
    h('p', {}, 'What you name and correct is kept in this browser. ', h('strong', {}, 'Download corrections'), ' and run'),
    h('pre', {tabindex: 0}, 'asot relabel RESULTS corrections.json'),
    h('p', {}, 'with the folder of your results in place of RESULTS. Exports and the next page then follow them.'));
}

function actionView(main, place) {
  const id = Number(place);
  const action = data.actions.find((one) => one.id === id);
  if (!action || place === '') return missing(main, `There is no action ${place}.`);
  const theatre = projector();
  const {form, refresh: refreshEditor} = editor(id);
  const numbers = h('dl', {class: 'facts'});
  const chart = h('div', {});
  const where = h('div', {});
  const strips = lazily((canvas, box) => drawStrip(canvas, canvas.row.strip, box));
  const rows = [['typical', 'Most typical'], ['atypical', 'Least typical']].map(([kind, heading]) => {
    const clips = examplesOf(kind, id);
    return clips.length ? h('section', {}, h('h2', {}, heading), h('div', {class: `clips ${kind}${look()}`}, kind === 'typical' ? averageFigure(id) : null, clips.map((clip) => example(clip, theatre, id)))) : null;
  });
  const two = kinds(id, theatre);
  const all = data.actions.filter((one) => one.amount || one === action);
  const beside = (step, text) => {
    const other = all[all.indexOf(action) + step];
    return other ? h('a', {href: `#/action/${other.id}`}, text) : h('span', {class: 'muted', 'aria-disabled': 'true'}, text);
  };
  put(main, h('div', {class: 'crumbs'}, h('a', {href: '#/actions'}, 'All actions'), h('nav', {'aria-label': 'Neighbours'}, beside(-1, '← Previous'), beside(1, 'Next →'))),
    h('h1', {}, swatch(id), nameOf(id)), h('p', {class: 'lead'}, `${titled(id)}${action.match ? ` · matched with ${action.match}` : ''}`), portrait(action), form, guide(), numbers,
    h('div', {class: 'controls'}, moves('typical', [action]) || moves('atypical', [action]) ? theatre.button : null),
    rows, two?.box, h('section', {}, h('h2', {}, 'How long it lasts'), chart), h('section', {}, h('h2', {}, 'Where it happens'), where));
  function refresh() {
    refreshEditor();
    two?.refresh();
    redrawFigures(main);
    const s = statistics(id);
    numbers.replaceChildren(...[['Segments', s.segments.toLocaleString('en')], ['Total', length(s.amount, data.unit)], ['Average', s.segments ? length(s.mean, data.unit) : '–'],
      ['Share of all time', percent(s.share)], ['Recordings', `${s.shares.length} of ${data.recordings.length}`]].map(([k, v]) => h('div', {}, h('dt', {}, k), h('dd', {}, v))));
    chart.replaceChildren(s.histogram.some(Boolean) ? histogram(id, s, true) : h('p', {class: 'muted'}, 'Shown once the page is written again with your corrections.'));
    const most = s.shares.sort((a, b) => b[1] - a[1]).slice(0, 20);
    where.replaceChildren(most.length ? table('Recordings with the largest share', ['Recording', 'Share', 'Timeline'], most.map(([n, share]) => {
      const canvas = h('canvas', {class: 'strip', role: 'img', 'aria-label': stripText(data.recordings[n])});
      canvas.row = data.recordings[n];
      strips.watch(canvas);
      return [h('a', {href: `#/recording/${n}`}, data.recordings[n].name || '(no name)'), h('span', {class: 'number'}, percent(share)), canvas];
    }), 'recordings') : h('p', {class: 'muted'}, 'In no recording.'));
  }
  refresh();
  return {title: names.label(id), refresh, print: () => strips.all(), stop() { theatre.stop(); strips.stop(); }};
}

function histogram(id, s, large = false) {
  const edges = data.histogram;
  const most = Math.max(1, ...s.histogram);
  const [width, height] = large ? [360, 110] : [220, 84];
  const base = height - 18;
  const wide = width / Math.max(1, s.histogram.length);
  const unit = data.unit;
  const label = `Lengths of ${names.label(id)}: ${many(s.segments, 'segment')}, ${length(s.mean, unit)} on average`;
  const picture = svg('svg', {class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label});
  const range = (i) => (i === s.histogram.length - 1 ? `${length(edges[i], unit)} and more` : `${length(edges[i], unit)} – ${length(edges[i + 1], unit)}`);
  picture.append(svg('title', {}, label), ...s.histogram.map((n, i) => svg('rect', {x: i * wide + 0.5, y: base - (n / most) * (base - 4), width: wide - 1,
    height: (n / most) * (base - 4), class: 'bar'}, svg('title', {}, `${range(i)}: ${n}`))),
  svg('line', {x1: 0, x2: width, y1: base, y2: base, class: 'axis'}));
  for (const bar of picture.querySelectorAll('rect')) bar.setAttribute('fill', svgFill(picture, names.style(id)));
  if (edges.length) {
    picture.append(svg('text', {x: 0, y: height - 4}, '0'), svg('text', {x: width / 2, y: height - 4, 'text-anchor': 'middle'}, length(edges[edges.length >> 1], unit)),
      svg('text', {x: width, y: height - 4, 'text-anchor': 'end'}, `${length(edges[edges.length - 2], unit)} +`));
  }
  return picture;
}
