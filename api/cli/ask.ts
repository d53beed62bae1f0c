import { createInterface } from 'node:readline/promises';

/** Where an answer comes from. */
export type Answers = NodeJS.ReadableStream & { isTTY?: boolean };

/**
 * Asks a question that must be answered with yes; anything else, the end of the input and Ctrl-C are a no. Where nobody sits at the
 * input (a script, a pipe), nothing is asked, and the answer is undefined.
 */
export async function askYes(
  question: string,
  output: NodeJS.WritableStream,
  input: Answers = process.stdin,
): Promise<boolean | undefined> {
  if (!input.isTTY) return undefined;
  const lines = createInterface({ input, output });
  try {
    const closed = new Promise<string>((resolve) => {
      lines.once('close', () => resolve(''));
      lines.once('SIGINT', () => resolve(''));
    });
    const answer = await Promise.race([lines.question(`${question} [y/N] `), closed]);
    return /^\s*y(es)?\s*$/i.test(answer);
  } finally {
    lines.close();
  }
}
