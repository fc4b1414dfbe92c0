// Videos that are not where the page looks for them: which to ask for, and to choose them by hand.
// They are played here and sent nowhere, which the page's policy makes sure of. And to whom what
// people name and correct is sent back.

const chosen = new Map(); // the addresses of files that were chosen, by their names in small letters
const there = new Map(); // whether a video was found, by its address in the page
const fileName = (path) => path.split(/[\\/]/).at(-1);
const plainName = (path) => fileName(path).normalize('NFC').toLowerCase();
const sender = () => data.shared?.name || 'whoever sent you this page';

// The names under which a video may be chosen: that of its copy, and that of the original.
const namesOf = (src, original) => [src && plainName(decodeURIComponent(src)), original && plainName(original)].filter(Boolean);

// What the player of a recording opens: a chosen file before what is beside the page.
function playable({media, original}) {
  const [copy, own] = [media?.src && plainName(decodeURIComponent(media.src)), original && plainName(original)];
  if (copy && chosen.has(copy)) return {...media, src: chosen.get(copy), note: ''};
  if (own && chosen.has(own)) return {...media, src: chosen.get(own), offset: media.own, mute: false, note: ''};
  return media;
}

// How long a video is; null where it cannot be played.
function probe(src) {
  return new Promise((resolve) => {
    const video = h('video', {preload: 'metadata', src});
    const done = (seconds) => {
      video.removeAttribute('src');
      video.load();
      resolve(seconds);
    };
    video.addEventListener('loadedmetadata', () => done(video.duration), {once: true});
    video.addEventListener('error', () => resolve(null), {once: true});
  });
}

// Choose files for `wanted`, a list of {names, seconds}. A single file may have another name.
function videoChooser(wanted, chosenSome) {
  const said = h('span', {role: 'status'});
  const input = h('input', {type: 'file', accept: 'video/*', multiple: true, onchange: async () => {
    const problems = [];
    let found = 0;
    for (const file of input.files) {
      const name = plainName(file.name);
      const fits = wanted.find(({names: known}) => known.includes(name)) ?? (input.files.length + wanted.length === 2 ? wanted[0] : null);
      const address = fits && URL.createObjectURL(file);
      const seconds = fits && await probe(address);
      if (!fits) problems.push(`${file.name} is not one of them.`);
      else if (seconds === null) problems.push(`This browser cannot play ${file.name}: ask for a copy that plays everywhere (asot page --share).`);
      else if (Math.abs(seconds - fits.seconds) > Math.max(1, 0.02 * fits.seconds)) {
        problems.push(`${file.name} lasts ${length(seconds)}, but the recording ${length(fits.seconds)}: it is another video.`);
      } else {
        chosen.set(fits.names.includes(name) ? name : fits.names.at(-1), address);
        found += 1;
      }
    }
    said.textContent = problems.join(' ');
    if (found) chosenSome(problems.join(' ') || `${many(found, 'video')} found. Nothing was sent anywhere.`);
  }});
  return h('span', {class: 'choose'}, h('label', {}, 'Choose the files: ', input), ' ', said);
}

const again = (text) => {
  route();
  toast(text);
};

// Beneath a player that has no video: what to ask for, and to choose the file.
function askFor(recording) {
  const known = namesOf(recording.media?.src, recording.original);
  if (!known.length || recording.unit !== 's') return null;
  return h('span', {class: 'ask'}, ` Ask ${sender()} for ${fileName(recording.original ?? known[0])}, or choose it here: it is played in this window and sent nowhere. `,
    videoChooser([{names: known, seconds: recording.end - recording.start}], again));
}

// On the first view: which videos are missing, after a look at those that the page knows of.
function missingVideos() {
  const rows = data.recordings.filter(({video}) => video && !document.getElementById(video.src));
  const box = h('aside', {class: 'remarks', 'aria-label': 'Missing videos', hidden: true});
  const lost = (row) => !namesOf(row.video.src, row.video.name).some((name) => chosen.has(name)) && (!row.video.src || there.get(row.video.src) === false);
  async function look() {
    for (const {video} of rows.slice(0, 200)) {
      if (video.src && !there.has(video.src)) there.set(video.src, await probe(video.src) !== null);
      if (!box.isConnected) return;
    }
    const missing = rows.filter(lost);
    box.hidden = !missing.length;
    if (!missing.length) return;
    const asked = missing.map(({video}) => (data.shared && video.src ? fileName(decodeURIComponent(video.src)) : video.name));
    put(box, h('h2', {}, `${many(missing.length, 'video')} cannot be played here`),
      h('p', {}, `Keep the page and the folders beside it together, or ask ${sender()} for: `, h('strong', {}, asked.slice(0, 20).join(', ')), asked.length > 20 ? ` and ${asked.length - 20} more` : '', '.'),
      h('p', {}, 'They may be chosen from anywhere on this computer; they are played in this window and sent nowhere. ',
        videoChooser(missing.map((row) => ({names: namesOf(row.video.src, row.video.name), seconds: row.seconds})), again)));
  }
  // After the view is on the page.
  setTimeout(look);
  return box;
}

// To whom names and corrections go back.
const mailTo = () => `mailto:${encodeURIComponent(data.shared.address)}?subject=${encodeURIComponent(`Corrections: ${data.title}`)}`
  + `&body=${encodeURIComponent('The file corrections.json, which I downloaded from the page, is attached.')}`;
const mailLink = () => h('a', {href: mailTo()}, `Write to ${data.shared.name}`);

function sendBack() {
  if (!data.shared?.address) return null;
  return h('aside', {class: 'remarks send', 'aria-label': 'Send it back'}, h('h2', {}, `For ${data.shared.name}`),
    h('p', {}, 'What you name and correct stays in this browser. When you are done, download the corrections with the button at the top, and ',
      'attach the file to a mail yourself: no page can do that. ', mailLink(), ` (${data.shared.address})`));
}

// What to do with a file that was downloaded.
function saved(file, next) {
  if (data.shared?.address) toast(`Saved ${file}. Attach it to a mail:`, mailLink());
  else toast(data.shared ? `Saved ${file}. Send it back to ${sender()}.` : `Saved ${file}. Next: ${next}`);
}
if (data.shared?.address) find('#download').append(` for ${data.shared.name}`);
