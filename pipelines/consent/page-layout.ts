import type { Language } from './texts.ts';

export interface PageOptions {
  /** The account's name. */
  account: string;
  /** Default: English. */
  language?: Language;
}

/**
 * The frame of every page that recipients see: no script, no image, nothing from elsewhere. Text is at least 4.5:1 on its
 * ground and controls 3:1, in light and dark; targets are 44 px high; the focus shows.
 * @param title plain HTML text, escaped already
 */
export function layout({ account, language }: PageOptions, title: string, body: string): string {
  return `<!doctype html>
<html lang="${language ?? 'en'}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"><meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${style}</style>
</head><body><main>
<p class="from">${escapeHtml(account)}</p>
<h1>${title}</h1>
${body}
</main></body></html>
`;
}

/** What the pages may load and do: their own style, and a form to their own address. */
export const pagePolicy =
  "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

const style = `
:root{--ink:#17211f;--muted:#56625e;--line:#87938f;--surface:#fff;--canvas:#f3f5f4;--brand:#0f6e5c;--on-brand:#fff;--tint:#e5f2ef}
@media (prefers-color-scheme:dark){:root{--ink:#eef2f1;--muted:#a9b5b1;--line:#78857f;--surface:#171c1b;--canvas:#0e1211;--brand:#4cc3aa;--on-brand:#0b1412;--tint:#17302b}}
*{box-sizing:border-box}
body{margin:0;background:var(--canvas);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;padding:clamp(1rem,8vh,5rem) 1rem}
main{max-width:34rem;margin:0 auto;background:var(--surface);border-radius:.75rem;border-top:.3rem solid var(--brand);padding:clamp(1.25rem,5vw,2.5rem);box-shadow:0 1px 3px rgb(0 0 0/.15);overflow-wrap:anywhere}
.from{margin:0;color:var(--muted);font-size:.9rem;font-weight:600}
h1{font-size:1.6rem;line-height:1.25;margin:.25rem 0 1rem}
p{margin:0 0 1rem}
form{margin:1.25rem 0 0}
form.apart{border-top:1px solid var(--line);margin-top:1.75rem;padding-top:1.25rem}
form.apart p{margin-bottom:.75rem;color:var(--muted)}
fieldset{border:0;margin:0 0 1.5rem;padding:0;min-width:0}
legend{font-weight:600;padding:0;margin-bottom:.5rem}
.topic{display:flex;gap:.75rem;align-items:flex-start;padding:.6rem 0;min-height:2.75rem}
.topic label{display:block;font-weight:600;cursor:pointer}
.topic .about{color:var(--muted);font-size:.95rem}
input[type=checkbox]{flex:none;width:1.35rem;height:1.35rem;margin:.1rem 0 0;accent-color:var(--brand)}
button{font:inherit;font-weight:600;min-height:2.75rem;padding:.6rem 1.2rem;margin:0 .5rem .5rem 0;border:2px solid var(--brand);border-radius:.5rem;background:var(--brand);color:var(--on-brand);cursor:pointer;max-width:100%}
button.quiet{background:transparent;color:var(--ink);border-color:var(--line)}
button:hover{filter:brightness(.93)}
a{color:var(--brand)}
:focus-visible{outline:3px solid var(--brand);outline-offset:3px}
.status{background:var(--tint);border-left:.3rem solid var(--brand);padding:.7rem 1rem;border-radius:.25rem;font-weight:600}
.note{color:var(--muted);font-size:.95rem;margin:1rem 0 0}
@media (max-width:26rem){button{width:100%;margin-right:0}}
`;
