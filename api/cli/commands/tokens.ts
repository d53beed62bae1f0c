import { Option, type Command } from 'commander';
import { inSession, isoTime, type Cli } from '../cli.ts';
import { note, printJson, printLine, printTable, type Row } from '../output.ts';

export function tokenCommands(program: Command, { streams }: Cli): void {
  const tokens = program.command('tokens').description('Who may call the API');

  tokens
    .command('create')
    .description('Make a token; its secret is printed this once')
    .requiredOption('--name <name>', 'who or what it is for')
    .addOption(
      new Option('--role <role>')
        .choices(['analyst', 'operator', 'ingest', 'sender', 'admin'])
        .makeOptionMandatory(),
    )
    .option('--expires-at <time>', 'no longer valid from then on', isoTime)
    .addHelpText('after', '\nExample: mallard tokens create --name dashboard --role analyst')
    .action(
      inSession<{ name: string; role: string; expiresAt?: string }>(async ({ client }, options) => {
        const made = await client.request<Row>('POST', '/v1/tokens', {
          body: {
            name: options.name,
            role: options.role,
            ...(options.expiresAt === undefined ? {} : { expires_at: options.expiresAt }),
          },
        });
        if (options.json) return printJson(streams, made);
        printLine(streams, String(made['token']));
        note(streams, 'It is shown this once. From now on, every request needs a token.');
      }),
    );

  tokens
    .command('list')
    .description('The tokens, without their secrets')
    .action(
      inSession(async ({ client }, options) => {
        const answer = await client.request<{ tokens: Row[] }>('GET', '/v1/tokens');
        if (options.json) return printJson(streams, answer.tokens);
        printTable(streams, answer.tokens);
      }),
    );

  tokens
    .command('revoke')
    .description('Take a token back')
    .argument('<token_id>')
    .action(
      inSession(async ({ client }, options, tokenId = '') => {
        const revoked = await client.request<Row>('DELETE', `/v1/tokens/${encodeURIComponent(tokenId)}`);
        if (options.json) return printJson(streams, revoked);
        printLine(streams, `Revoked ${String(revoked['name'])}.`);
      }),
    );
}
