export type UnsubscribePageState = 'ask' | 'done' | 'invalid';

/**
 * The page behind an unsubscribe link. `ask` is what a GET shows: one button that POSTs to the same address. It holds
 * nothing about the recipient, since links are forwarded and scanned.
 * @param topic offers to stop that topic alone
 */
export function unsubscribePage(
  state: UnsubscribePageState,
  options: { account: string; topic?: string | null },
): string {
  const account = escapeHtml(options.account);
  const body = {
    ask: `<h1>Unsubscribe</h1><p>Stop receiving e-mail from ${account}?</p>
      <form method="post"><button name="scope" value="global">Unsubscribe from everything</button>${topicButton(options.topic)}</form>`,
    done: `<h1>Unsubscribed</h1><p>You will not receive more of this e-mail from ${account}.</p>`,
    invalid: `<h1>This link does not work</h1><p>It may have been cut short. Copy the whole link from the e-mail, or reply to it with "unsubscribe".</p>`,
  }[state];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>Unsubscribe</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;color:#1a1a1a}
button{font:inherit;padding:.6rem 1rem;margin:0 .5rem .5rem 0;border:1px solid #1a1a1a;border-radius:.4rem;background:#fff;cursor:pointer}</style>
</head><body>${body}</body></html>
`;
}

function topicButton(topic: string | null | undefined): string {
  return topic ? `<button name="scope" value="topic">Only from “${escapeHtml(topic)}”</button>` : '';
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
