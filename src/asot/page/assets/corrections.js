// The file of corrections: who wrote it, how it is saved, and how one is opened to go on.

const author = {
  key: 'asot-by',
  get name() { try { return localStorage.getItem(author.key) ?? ''; } catch { return ''; } },
  set name(text) { try { localStorage.setItem(author.key, text.trim()); } catch { /* then it is asked again */ } },
};

const unkept = () => h('p', {class: 'problem', hidden: edits.kept}, 'This browser does not keep what you enter: download it before you close the page.');

function correctionsFile() {
  const recordings = data.recordings.flatMap((row, n) => {
    const segments = edits.segments(n).map(([start, end, action, note]) => ({start, end, action, ...(note ? {note} : {})}));
    return segments.length ? [[row.name, {frames: row.frames, segments}]] : [];
  });
  return {...names.file(), by: author.name, recordings: Object.fromEntries(recordings)};
}

function download(asked = false) {
  if (data.shared && !author.name && !asked) return correctionsDialog();
  const text = `${JSON.stringify(correctionsFile(), null, 1)}\n`;
  const address = URL.createObjectURL(new Blob([text], {type: 'application/json'}));
  h('a', {href: address, download: 'corrections.json'}).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  return saved('corrections.json', 'asot relabel RESULTS corrections.json');
}

// Go on from a file in place of what was entered here; a sentence if it does not belong here.
function openCorrections(text) {
  let file = null;
  try {
    file = JSON.parse(text);
  } catch { /* said below */ }
  const {recordings = {}, added = 0, background = []} = file ?? {};
  if (file?.format !== 1 || !recordings || typeof recordings !== 'object' || !Array.isArray(background) || !Number.isInteger(added) || added < 0 || added > 10000) {
    return 'This is not a file of corrections: choose a corrections.json that a page saved.';
  }
  if (file.page && file.page !== data.id) return 'This file is from the page of other results: open it there.';
  // What the page was written with, and the file has no more, is gone.
  const corrected = new Map(data.recordings.flatMap((row, n) => (file.recordings && row.corrected.length ? [[n, []]] : [])));
  const total = names.known + added;
  const {added: all, to} = placed(added, 0, (id) => file.names?.[id]);
  const known = (id) => Number.isInteger(id) && id >= 0 && id < total;
  for (const [name, one] of Object.entries(recordings)) {
    const n = edits.places.get(name);
    if (n === undefined) return `This file has corrections of ${name}, which is no recording of this page.`;
    const {frames} = data.recordings[n];
    if (one?.frames !== frames) return `This file is of ${one?.frames} frames of ${name}, which has ${frames} here: open it in the page it is from.`;
    const list = (Array.isArray(one.segments) ? one.segments : [null]).map((s) => [s?.start, s?.end, s?.action, s?.note ?? '']);
    if (!fitting(list, frames, known)) return `The segments of ${name} in this file overlap, leave the recording, or have an action that it does not know: save it in its page again.`;
    corrected.set(n, list.map(([start, end, action, note]) => [start, end, to(action), note]));
  }
  const wanted = [...Object.keys(file.names ?? {}), ...Object.keys(file.merged ?? {}), ...Object.values(file.merged ?? {}), ...background];
  const lost = wanted.find((id) => !known(Number(id)));
  if (lost !== undefined) return `This file speaks of action ${Number(lost) + 1}, but there are ${total} actions: is it of another page?`;
  const ids = [...data.actions.filter((action) => !action.added).map(({id}) => id), ...Array(added).fill().map((_, k) => names.known + k)];
  edits.replace({added: all, recordings: corrected}, ids.map((id) => [to(id), {
    name: String(file.names?.[id] ?? ''), merged: to(file.merged?.[id] ?? null), background: background.includes(id)}]));
  return null;
}

function correctionsDialog() {
  const problem = h('p', {class: 'problem', role: 'alert', hidden: true});
  const by = h('input', {type: 'text', autocomplete: 'name', placeholder: 'to tell the files of several people apart', oninput: () => { author.name = by.value; }});
  by.value = author.name;
  const choose = h('input', {type: 'file', class: 'unseen', accept: '.json,application/json', tabindex: -1, 'aria-label': 'A file of corrections', onchange: async () => {
    const sentence = openCorrections(await choose.files[0].text());
    choose.value = '';
    problem.textContent = sentence ?? '';
    problem.hidden = !sentence;
    if (sentence) return;
    box.close();
    toast('Opened in place of what was entered here.', button('Undo', edits.undo, {look: 'plain'}));
  }});
  const counts = [many(data.recordings.reduce((sum, _, n) => sum + edits.segments(n).length, 0), 'checked segment'), many(Object.keys(names.file().names).length, 'name')];
  const box = h('dialog', {'aria-labelledby': 'corrections', onclose: () => box.remove()}, h('h2', {id: 'corrections'}, 'Corrections'),
    h('p', {}, `${counts.join(' and ')} so far. They are kept in this browser; the file takes them to your results, or to another page of them.`), unkept(), problem,
    h('form', {class: 'editor', method: 'dialog'}, h('label', {}, h('span', {}, 'Your name'), by)),
    h('div', {class: 'controls'}, button('Download corrections', () => { download(true); box.close(); }, {look: 'primary'}),
      button('Open corrections', () => choose.click()), choose, h('span', {class: 'gap'}), button('Close', () => box.close())),
    data.shared ? null : h('pre', {tabindex: 0}, 'asot relabel RESULTS corrections.json'),
    data.shared?.address ? h('p', {}, 'Attach the file to a mail yourself: ', mailLink()) : null);
  document.body.append(box);
  box.showModal();
  if (data.shared && !author.name) by.focus();
}
