import { asset } from './asset.ts';
import type { ExchangeReply } from '../exchange.ts';

/**
 * Style and script of the API docs, as separate files because the page's Content-Security-Policy
 * allows nothing inline. The script searches, copies code, and opens the target of an anchor. The
 * page is complete without it.
 */
const css = `:root{color-scheme:light dark;--ink:#1b1f24;--dim:#59626d;--line:#d8dee4;--page:#fff;--soft:#f6f8fa;--card:#fff;--accent:#0a5fb4;--good:#116329;--warn:#8a5300;--bad:#a40e26;--code:#0f1720;--code-ink:#dbe4ee;--code-dim:#9db0c3;--get:#0a5fb4;--post:#116329;--patch:#8a5300;--delete:#a40e26;--event:#6639ba}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9aa4af;--line:#30363d;--page:#0d1117;--soft:#161b22;--card:#11161d;--accent:#79b8ff;--good:#56d364;--warn:#e3a94f;--bad:#ff8f8a;--code:#0a0e13;--get:#79b8ff;--post:#56d364;--patch:#e3a94f;--delete:#ff8f8a;--event:#c7a6ff}}
*{box-sizing:border-box}
html{scroll-padding-top:5rem;scrollbar-gutter:stable}
body{margin:0;font:1rem/1.55 system-ui,sans-serif;color:var(--ink);background:var(--page)}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.8125rem}
a{color:var(--accent);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:.25rem}
main:focus{outline:none}
[hidden]{display:none!important}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;z-index:3;background:var(--page);padding:.5rem 1rem}
header{position:sticky;top:0;z-index:2;display:flex;gap:.75rem;align-items:center;height:3.5rem;padding:0 1.5rem;background:var(--page);border-bottom:1px solid var(--line)}
.brand{font-weight:700;color:var(--ink);text-decoration:none}
.version{color:var(--dim);font-size:.8125rem}
#search{flex:1;max-width:26rem;margin:0 auto}
input{width:100%;font:inherit;font-size:.9375rem;padding:.4rem .75rem;border:1px solid var(--line);border-radius:.5rem;background:var(--soft);color:var(--ink)}
.files{margin-left:auto;display:flex;gap:1rem;font-size:.875rem}
.page{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:92rem;margin:0 auto}
nav{position:sticky;top:3.5rem;align-self:start;height:calc(100vh - 3.5rem);overflow:auto;padding:1.5rem 1rem 3rem 1.5rem;border-right:1px solid var(--line);font-size:.8125rem}
nav ul{list-style:none;margin:0;padding:0}
nav .group{display:block;margin-top:1rem;padding:.2rem 0;font-weight:600;font-size:.875rem;color:var(--ink);text-decoration:none}
nav>ul>li:first-child .group{margin-top:0}
nav li li a{display:flex;gap:.5rem;align-items:baseline;padding:.2rem 0;color:var(--dim);text-decoration:none;line-height:1.35}
nav a:hover{color:var(--accent)}
nav .method{flex:none;width:3.25rem;padding:0;background:none;text-align:left}
main{padding:2rem 2rem 6rem;min-width:0}
h1{margin:0 0 .25rem;font-size:2rem;letter-spacing:-.02em}
h2{margin:3rem 0 .25rem;font-size:1.375rem;letter-spacing:-.01em;text-transform:capitalize}
.group[id^=group-] h2{text-transform:none}
h3{margin:1.25rem 0 .25rem;font-size:.75rem;text-transform:uppercase;letter-spacing:.06em;color:var(--dim)}
.told>h3:first-child,.told>p:first-child{margin-top:0}
.lead{margin:0 0 1rem;color:var(--dim)}
.intro .lead{font-size:1.125rem}
.steps{list-style:none;margin:1.5rem 0;padding:0;display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:1rem;counter-reset:step}
.steps li{counter-increment:step;border:1px solid var(--line);border-radius:.75rem;padding:1rem;background:var(--soft);overflow-wrap:anywhere}
.steps strong{display:block;margin-bottom:.25rem}
.steps strong::before{content:counter(step);display:inline-grid;place-items:center;width:1.5rem;height:1.5rem;margin-right:.5rem;border-radius:50%;background:var(--accent);color:var(--page);font-size:.8125rem}
.steps p{margin:.5rem 0 0;color:var(--dim);font-size:.875rem}
.op{margin:.5rem 0;border:1px solid var(--line);border-radius:.625rem;background:var(--card);overflow:clip}
.op>summary{display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:baseline;padding:.65rem 1rem;cursor:pointer;list-style:none}
summary::-webkit-details-marker{display:none}
.op>summary:hover{background:var(--soft)}
.op[open]>summary{border-bottom:1px solid var(--line);background:var(--soft)}
.op>summary:focus-visible{outline-offset:-3px}
.method{font:600 .6875rem/1.6 ui-monospace,monospace;text-transform:uppercase;color:var(--get)}
.op .method{min-width:4rem;text-align:center;border:1px solid currentColor;border-radius:.375rem;padding:0 .4rem}
.method.post{color:var(--post)}.method.patch,.method.put{color:var(--patch)}.method.delete{color:var(--delete)}.method.event{color:var(--event)}
.path{font-weight:600;overflow-wrap:anywhere}
.summary{color:var(--dim);font-size:.875rem}
.op>summary .summary{margin-left:auto;text-align:right}
.schema>summary .summary{max-width:40rem}
.body{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:2rem;padding:1.25rem 1rem;scroll-margin-top:7rem}
.body.one{display:block}
.told{font-size:.9375rem}.told p{margin:.25rem 0}
.shown{position:sticky;top:4.5rem;align-self:start}
.members,.answers{list-style:none;margin:0;padding:0;font-size:.875rem}
.members>li,.answers>li{padding:.5rem 0;border-top:1px solid var(--line)}
.members>li:first-child,.answers>li:first-child{border-top:0}
.members p,.answers p{margin:.15rem 0 0;color:var(--dim)}
.name{font-weight:600}
.type{color:var(--dim)}
.required,.optional{color:var(--bad);font-size:.75rem}.optional{color:var(--dim);font-style:italic}
.fact,.value{display:inline-block;margin:.1rem 0;padding:0 .35rem;border:1px solid var(--line);border-radius:.375rem;font-size:.75rem;color:var(--dim);overflow-wrap:anywhere}
.dim{color:var(--dim)}
.small{font-size:.8125rem;overflow-wrap:anywhere}.small a,.small code{margin-right:.35rem}
.media{text-transform:none;letter-spacing:0;font-weight:400}
.inner{margin:.35rem 0 0}
.inner>summary,.more>summary{cursor:pointer;color:var(--accent);font-size:.8125rem;width:fit-content}
.inner>.members{margin-left:.35rem;padding-left:.85rem;border-left:2px solid var(--line)}
.more{margin:.5rem 0}
.status{display:inline-block;min-width:2.75rem;margin-right:.35rem;font:600 .75rem/1.6 ui-monospace,monospace;color:var(--bad)}
.s2{color:var(--good)}.s3{color:var(--accent)}
.code{margin:0 0 1rem;border-radius:.625rem;background:var(--code);color:var(--code-ink);overflow:hidden;border:1px solid var(--line)}
figcaption{display:flex;align-items:center;justify-content:space-between;min-height:2.25rem;padding:.25rem .5rem .25rem 1rem;font-size:.75rem;color:var(--code-dim);border-bottom:1px solid #ffffff1f}
pre{margin:0;padding:.85rem 1rem;max-height:26rem;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.5}
pre:focus-visible{outline-offset:-3px}
pre .n{color:#8cc8ff}pre .t{color:#a5e3b4}pre .v{color:#f3c98b}
.copy{font:inherit;min-height:1.75rem;padding:0 .65rem;border:1px solid #ffffff3d;border-radius:.375rem;background:none;color:inherit;cursor:pointer}
.copy:hover{background:#ffffff1a}
.table{overflow:auto}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{text-align:left;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line)}
th{color:var(--dim);font-weight:600}
.sign-in{max-width:24rem;margin:15vh auto 0}
.sign-in label{display:block;margin-bottom:.25rem;font-weight:600}
.sign-in button{margin-top:.75rem;font:inherit;padding:.5rem 1rem;border:1px solid var(--accent);border-radius:.5rem;background:none;color:var(--accent);cursor:pointer}
.bad{color:var(--bad)}
@media (max-width:75rem){.body{grid-template-columns:minmax(0,1fr);gap:.5rem}.shown{position:static}}
@media (max-width:56rem){
.page{display:block}
nav{top:3.5rem;z-index:1;height:auto;padding:.5rem 1rem;border-right:0;border-bottom:1px solid var(--line);background:var(--page);overflow:auto}
nav>ul{display:flex;gap:1.25rem}nav ul ul{display:none}nav .group{margin:0;white-space:nowrap;font-weight:500}
html{scroll-padding-top:7.5rem}
header{padding:0 1rem}main{padding:1.5rem 1rem 4rem}
.steps{grid-template-columns:1fr}.version{display:none}
.op>summary .summary{margin-left:0;text-align:left;width:100%}
h1{font-size:1.625rem}
}
@media (max-width:30rem){.files a:last-child{display:none}td:last-child,th:last-child{display:none}}
@media print{header,nav,.copy{display:none}.page{display:block}}
`;

const js = `'use strict';
const all = [...document.querySelectorAll('details.op')];
const form = document.querySelector('#search');
const find = document.querySelector('#find');
const found = document.querySelector('#found');

// What an address leads to may lie in something closed.
const openTarget = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement?.closest('details')) if ('open' in at) at.open = true;
  target?.closest('details.op')?.scrollIntoView();
};
addEventListener('hashchange', openTarget);
if (location.hash) openTarget();

const search = () => {
  const words = find.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const hits = new Set();
  for (const one of all) {
    const hit = words.every((word) => one.dataset.find.includes(word));
    one.hidden = !hit;
    if (hit) hits.add(one.id.slice(3));
  }
  for (const one of document.querySelectorAll('nav [data-of]')) one.hidden = !hits.has(one.dataset.of);
  for (const list of document.querySelectorAll('nav ul ul')) {
    list.parentElement.hidden = list.querySelector('li:not([hidden])') === null;
  }
  for (const group of document.querySelectorAll('section.group')) {
    group.hidden = words.length > 0 && group.querySelector('details.op:not([hidden])') === null;
  }
  const intro = document.querySelector('.intro');
  if (intro) intro.hidden = words.length > 0;
  found.textContent = words.length === 0 ? '' : hits.size + ' of ' + all.length + ' found';
};
if (form) {
  form.hidden = false;
  find.addEventListener('input', search);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const first = all.find((one) => !one.hidden);
    if (first) { first.open = true; first.querySelector('summary').focus(); }
  });
  addEventListener('keydown', (event) => {
    if (event.key === '/' && !event.ctrlKey && !event.metaKey && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      find.focus();
    } else if (event.key === 'Escape' && document.activeElement === find) {
      find.value = '';
      search();
    }
  });
}

for (const figure of document.querySelectorAll('figure.code')) {
  const caption = figure.querySelector('figcaption');
  const button = document.createElement('button');
  button.className = 'copy';
  button.type = 'button';
  button.textContent = 'Copy';
  button.setAttribute('aria-label', 'Copy: ' + caption.textContent);
  button.addEventListener('click', async () => {
    const code = figure.querySelector('pre');
    // Browsers have a clipboard only over https and on this machine.
    if (navigator.clipboard) await navigator.clipboard.writeText(code.textContent);
    else { getSelection().selectAllChildren(code); document.execCommand('copy'); }
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  caption.append(button);
}
`;

export function readDocsCss(): ExchangeReply {
  return asset('text/css; charset=utf-8', css);
}

export function readDocsJs(): ExchangeReply {
  return asset('text/javascript; charset=utf-8', js);
}
