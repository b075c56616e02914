import { asset } from './asset.ts';
import type { ExchangeReply } from '../exchange.ts';

/**
 * Style and script of the status page, as separate files because the page's Content-Security-Policy
 * allows nothing inline. The script follows the operation's event stream and, at most once a
 * second, fetches the page again and swaps in its live part, so that only the server renders. While
 * an inbox is empty, it asks whether it still is.
 */
const css = `:root{color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--line:#d0d7de;--page:#fff;--soft:#f6f8fa;--accent:#0a5fb4;--good:#116329;--bad:#a40e26}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9aa4af;--line:#3d444d;--page:#0d1117;--soft:#161b22;--accent:#79b8ff;--good:#56d364;--bad:#ff8f8a}}
*{box-sizing:border-box}
body{margin:0;padding:2rem 1rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}
main,footer{max-width:40rem;margin:0 auto}
h1{margin:0;font-size:1.5rem;overflow-wrap:anywhere}
.id,footer,dt,.code{color:var(--dim);font-size:.875rem}
.id,.code,code,pre{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
.id{margin:0 0 1.5rem}
.status{font-size:1.25rem;font-weight:600;margin:0 0 1rem}
.completed{color:var(--good)}.failed{color:var(--bad)}
progress{width:100%;height:.75rem;accent-color:var(--accent)}
.progress p{margin:.25rem 0 1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.5rem;margin:1.5rem 0}
dd{margin:0}
.error,pre{background:var(--soft);border:1px solid var(--line);border-radius:.5rem;padding:1rem}
.error h2{margin:0;font-size:1rem;color:var(--bad)}.error p{margin:.25rem 0;overflow-wrap:anywhere;white-space:pre-wrap}
pre{overflow:auto;max-height:24rem}
.button,button{display:inline-block;font:inherit;padding:.5rem 1rem;border-radius:.5rem;border:1px solid var(--line);background:var(--soft);color:var(--ink);text-decoration:none;cursor:pointer}
.button{border-color:var(--accent);color:var(--accent)}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
footer{margin-top:3rem;border-top:1px solid var(--line);padding-top:1rem}
`;

const js = `'use strict';
const localTimes = () => {
  for (const time of document.querySelectorAll('time')) {
    time.title = time.dateTime;
    time.textContent = new Date(time.dateTime).toLocaleString();
  }
};
localTimes();
const events = document.body.dataset.events;
if (events) {
  const source = new EventSource(events);
  let timer = 0;
  const refresh = async () => {
    timer = 0;
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } }).catch(() => null);
    if (answer === null || !answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    document.title = page.title;
    const was = document.querySelector('#live');
    const now = page.querySelector('#live');
    if (was === null || now === null) return;
    const spoken = was.querySelector('[role=status]');
    const news = now.querySelector('[role=status]');
    // The spoken line stays the same element, so that readers hear it when it changes and only then.
    if (spoken !== null && news !== null) {
      spoken.className = news.className;
      if (spoken.textContent !== news.textContent) spoken.replaceChildren(...news.childNodes);
      news.replaceWith(spoken);
    }
    was.replaceChildren(...now.childNodes);
    const form = document.querySelector('form');
    if (form !== null && page.querySelector('form') === null) form.remove();
    localTimes();
    if (page.body.dataset.events === '') { source.close(); clearInterval(clock); }
  };
  const soon = () => { if (timer === 0) timer = setTimeout(refresh, 1000); };
  for (const name of ['status', 'progress', 'estimate', 'completed', 'failed']) source.addEventListener(name, soon);
  const clock = setInterval(soon, 10000);
  document.querySelector('form')?.addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.target;
    form.querySelector('button').disabled = true;
    fetch(form.action, { method: 'POST', headers: { 'content-type': 'application/json' } }).then(refresh, () => form.submit());
  });
}
const { awaits } = document.body.dataset;
if (awaits) {
  setInterval(async () => {
    const answer = await fetch(location.href, { headers: { accept: 'application/json' } }).catch(() => null);
    if (answer !== null && answer.ok && (await answer.json()).webhooks.length > 0) location.reload();
  }, awaits * 1000);
}
`;

export function readStatusCss(): ExchangeReply {
  return asset('text/css; charset=utf-8', css);
}

export function readStatusJs(): ExchangeReply {
  return asset('text/javascript; charset=utf-8', js);
}
