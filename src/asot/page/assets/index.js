// All recordings: a row each, to sort and to filter.

const indexState = {sort: 'name', down: false, text: '', action: '', score: '', least: 0, scroll: 0, order: null};

function indexView(main) {
  const state = indexState;
  const sure = data.recordings.some((row) => row.confidence !== null);
  // [key, heading]; the key of a score cannot be taken for another column.
  const scores = [...(sure ? [['confidence', 'Confidence']] : []), ...data.columns.map((name) => [`score ${name}`, name])];
  function value(row, column) {
    if (column === 'name') return row.name;
    if (column === 'activity') return row.activity ?? '';
    if (column === 'length') return row.seconds ?? row.frames;
    if (column === 'confidence') return row.confidence;
    const name = column.slice(6);
    return Object.hasOwn(row.scores, name) ? row.scores[name] : null;
  }
  const collator = new Intl.Collator('en', {numeric: true});
  const activities = data.recordings.some((row) => row.activity);
  const columns = [['name', 'Recording'], ...(activities ? [['activity', 'Activity']] : []), ['length', 'Length'],
    ['', 'Timeline'], ...scores];

  const strips = lazily((canvas, box) => {
    drawStrip(canvas, canvas.row.strip, box);
    canvas.setAttribute('aria-label', stripText(canvas.row));
  });
  const rows = data.recordings.map((row, n) => {
    const canvas = h('canvas', {class: 'strip', role: 'img', 'aria-label': 'Timeline'});
    canvas.row = row;
    strips.watch(canvas);
    const seen = edits.checked(n, 0, row.frames) / row.frames;
    return {row, n, text: `${row.name}\n${row.activity ?? ''}`.toLowerCase(), element: h('tr', {},
      h('th', {scope: 'row'}, h('a', {href: `#/recording/${n}`, title: row.name}, row.name || '(no name)'),
        seen ? h('span', {class: 'checked', title: `${percent(seen, 0)} checked`}, seen < 1 ? `✓ ${percent(seen, 0)}` : '✓', h('span', {class: 'unseen'}, ' checked')) : null),
      activities ? h('td', {class: 'activity', title: row.activity ?? ''}, row.activity ?? '') : null,
      h('td', {class: 'number', 'data-head': 'Length'}, size(row)),
      h('td', {class: 'strips'}, h('a', {href: `#/recording/${n}`, tabindex: -1, 'aria-hidden': 'true'}, canvas)),
      scores.map(([key, label]) => h('td', {class: 'number', 'data-head': label}, meter(value(row, key), scores.length < 4))))};
  });

  const heads = columns.map(([column, label]) => h('th', {scope: 'col', class: column && column !== 'name' && column !== 'activity' ? 'number' : ''},
    column ? h('button', {type: 'button', class: 'sort', onclick: () => {
      const scored = !['name', 'activity', 'length'].includes(column);
      [state.sort, state.down] = [column, state.sort === column ? !state.down : scored];
      update();
    }}, label) : label));
  const count = h('p', {class: 'muted', role: 'status'});
  const body = h('tbody');
  let laid = '';
  const nothing = h('p', {class: 'empty'}, 'No recording fits these filters. ', button('Clear them', () => {
    Object.assign(state, {text: '', action: '', score: '', least: 0});
    show();
  }));

  const text = h('input', {type: 'search', 'aria-label': 'Find', placeholder: activities ? 'Name or activity' : 'Name', oninput: () => { state.text = text.value; update(); }});
  const action = h('select', {'aria-label': 'Contains', onchange: () => { state.action = action.value; update(); }});
  const score = h('select', {'aria-label': 'Score', onchange: () => { state.score = score.value; update(); }},
    h('option', {value: ''}, 'any score'), scores.map(([key, label]) => h('option', {value: key}, label)));
  const least = h('input', {type: 'range', 'aria-label': 'At least', min: 0, max: 100, step: 1, oninput: () => { state.least = Number(least.value); update(); }});
  const shown = h('output', {});

  function options() {
    const roots = [...new Set(data.actions.map((one) => names.root(one.id)))];
    if (!roots.includes(Number(state.action))) state.action = '';
    action.replaceChildren(h('option', {value: ''}, 'any action'), ...roots.map((id) => h('option', {value: id}, names.label(id))));
    action.value = state.action;
  }

  // Filters and their places, from the state.
  function show() {
    text.value = state.text;
    score.value = state.score;
    least.value = state.least;
    options();
    update();
  }

  function update() {
    const needle = state.text.trim().toLowerCase();
    const wanted = state.action === '' ? null : new Set(names.group(Number(state.action)));
    const fits = ({row, text: content}) => content.includes(needle)
      && (!wanted || row.used.some(([id]) => wanted.has(id)))
      && (!state.score || 100 * (value(row, state.score) ?? -1) >= state.least);
    const turn = state.down ? -1 : 1;
    rows.sort((a, b) => {
      const [u, v] = [value(a.row, state.sort), value(b.row, state.sort)];
      if (u === null || v === null) return (u === null) - (v === null) || a.n - b.n;
      return turn * (typeof u === 'string' ? collator.compare(u, v) : u - v) || a.n - b.n;
    });
    const visible = rows.filter(fits);
    state.order = visible.map(({n}) => n);
    // Laying out thousands of rows takes longer than a keystroke.
    if (laid !== String(state.order)) body.replaceChildren(...visible.map(({element}) => element));
    laid = String(state.order);
    columns.forEach(([column], i) => {
      if (column) heads[i].setAttribute('aria-sort', column !== state.sort ? 'none' : state.down ? 'descending' : 'ascending');
    });
    least.disabled = !state.score;
    shown.textContent = state.score ? `≥ ${state.least} %` : '';
    count.textContent = visible.length === rows.length ? many(rows.length, 'recording') : `${visible.length.toLocaleString('en')} of ${many(rows.length, 'recording')}`;
    nothing.hidden = visible.length > 0 || !rows.length;
  }

  put(main,
    h('h1', {}, data.title),
    h('p', {class: 'lead'}, summary()),
    sendBack(),
    missingVideos(),
    verdict(),
    remarks(data.remarks),
    data.doubts.length ? h('p', {class: 'asking'}, doubtful('Check the most doubtful places'), h('span', {class: 'muted'}, 'one after the other, and correct what is wrong')) : null,
    h('ul', {class: 'legend', 'aria-label': 'Actions'}, names.roots().map((id) => h('li', {}, tag(id)))),
    h('section', {class: 'filters', 'aria-label': 'Filters', hidden: rows.length < 2},
      h('label', {}, h('span', {}, 'Find'), text),
      h('label', {}, h('span', {}, 'Contains'), action),
      scores.length ? h('label', {}, h('span', {}, 'Score'), score) : null,
      scores.length ? h('label', {class: 'least'}, h('span', {}, 'At least'), least, shown) : null,
      count),
    h('div', {class: 'scroll'}, h('table', {class: 'recordings'},
      h('caption', {class: 'unseen'}, 'Recordings; the headings sort'), h('thead', {}, h('tr', {}, heads)), body)),
    nothing);
  show();
  const refresh = () => { options(); update(); strips.redraw(); };
  addEventListener('resize', strips.redraw);
  return {refresh, print: strips.all, restore: () => scrollTo(0, state.scroll), stop() {
    state.scroll = scrollY;
    strips.stop();
    removeEventListener('resize', strips.redraw);
  }};
}

// A share as a number, and as a bar where there is room for one.
function meter(share, room) {
  if (share === null || !room) return percent(share);
  const bar = h('span', {class: 'meter', 'aria-hidden': 'true'}, h('span', {}));
  bar.firstChild.style.width = `${clamp(100 * share, 0, 100)}%`;
  return [percent(share), bar];
}

function summary() {
  const unused = data.actions.filter((action) => !action.amount).length;
  return [many(data.recordings.length, 'recording'), length(allTime(), data.unit), many(names.counted(), 'action'),
    ...(unused ? [`${unused} unused`] : [])].join(' · ');
}

function remarks(sentences, heading = 'Worth a look') {
  return sentences.length ? h('aside', {class: 'remarks', 'aria-label': heading}, h('h2', {}, heading),
    h('ul', {}, sentences.map((sentence) => h('li', {}, sentence)))) : null;
}
