// The address after # chooses the view.

const ROUTES = [
  [/^#?\/?$/, indexView],
  [/^#\/recording\/(\d+)(?:\/(-?[\d.]+))?$/, recordingView],
  [/^#\/actions$/, actionsView],
  [/^#\/action\/(\d+)$/, actionView],
  [/^#\/map(?:\/(\d+))?$/, mapView],
  [/^#\/overview$/, overviewView],
  [/^#\/groups$/, groupsView],
];
let view = null;

function route(first = false) {
  const main = find('#main');
  view?.stop();
  main.replaceChildren();
  let match = null;
  const found = ROUTES.find(([pattern]) => (match = location.hash.match(pattern)));
  view = found ? found[1](main, ...match.slice(1)) : missing(main, 'The address leads nowhere.');
  document.title = view.title ? `${view.title} – ${data.title}` : data.title;
  for (const link of document.querySelectorAll('.bar nav a')) {
    const inside = {'#/actions': /^#\/action/, '#/map': /^#\/map/, '#/overview': /^#\/overview/, '#/groups': /^#\/groups/, '#/': /^(#\/?$|$|#\/recording)/}[link.getAttribute('href')];
    if (inside.test(location.hash)) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (first) return;
  scrollTo(0, 0);
  view.restore?.();
  const heading = find('h1', main);
  heading?.setAttribute('tabindex', '-1');
  heading?.focus({preventScroll: true});
}

// Dark or light: the system's choice, until people choose.
const dark = matchMedia('(prefers-color-scheme: dark)');
function setTheme(theme, keep = true) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  if (keep) try { localStorage.setItem('asot-theme', theme); } catch { /* then it is not kept */ }
  view?.refresh();
}
const storedTheme = () => { try { return localStorage.getItem('asot-theme'); } catch { return null; } };

find('#theme').append(icon('theme'));
find('#theme').addEventListener('click', () => {
  const now = document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light');
  setTheme(now === 'dark' ? 'light' : 'dark');
});
dark.addEventListener('change', () => view?.refresh());

// Paper is white, and nobody can open what is folded on it.
matchMedia('print').addEventListener('change', ({matches}) => {
  setTheme(matches ? 'light' : storedTheme(), false);
  if (!matches) return;
  for (const details of document.querySelectorAll('details:not(.chooser)')) details.open = true;
  view?.print?.();
});

find('#download').addEventListener('click', () => download());
find('#file').append(icon('open'));
find('#file').addEventListener('click', correctionsDialog);
function countEdits() {
  find('#download').classList.toggle('news', edits.count > 0);
}
let shown = data.actions.length;
document.addEventListener('names', () => {
  countEdits();
  // Lists of actions are made anew where there are more or fewer; a recording goes on playing.
  if (shown === data.actions.length || location.hash.startsWith('#/recording')) view?.refresh();
  else route(true);
  shown = data.actions.length;
});
addEventListener('keydown', (event) => {
  const typing = event.target.closest('input:not([type=checkbox]), select, textarea') || find('dialog[open]');
  const key = event.key.toLowerCase();
  const command = event.ctrlKey || event.metaKey;
  if (event.altKey || typing || !(command ? 'zy' : 'n').includes(key)) return;
  event.preventDefault();
  if (!command) return doubts.go();
  return key === 'y' || event.shiftKey ? edits.redo() : edits.undo();
});
addEventListener('hashchange', () => route());

find('.bar a[href="#/map"]').hidden = !spots.length;
if (storedTheme()) setTheme(storedTheme(), false);
countEdits();
route(true);
