import { pathToFileURL } from 'node:url';
import { ModelFiles, withoutImports } from './files.ts';

/**
 * Our models as one text: what models/index.malloy exports, with all that it imports before it. For Malloy's own tools, which
 * compile a file anew for every path of imports that leads to it: ours 2,500 times, a minute. Names are unique among our files.
 * @param packageModels our models/ folder
 */
export function bundledModels(packageModels: string): string {
  const base = pathToFileURL(`${packageModels}/`);
  const index = new URL('index.malloy', base);
  const files = new ModelFiles();
  const flags = new Set<string>();
  const parts: string[] = [];
  const seen = new Set<string>();
  const add = (url: URL) => {
    const key = url.toString();
    if (seen.has(key)) return;
    seen.add(key);
    for (const imported of files.importsOf(url)) add(imported);
    const text = withoutImports(files.read(url).contents).replaceAll(
      /^##! experimental(.*)\n/gm,
      (_, named: string) => {
        for (const flag of named.match(/\w+/g) ?? []) flags.add(flag);
        return '';
      },
    );
    parts.push(`// ---- ${key.slice(base.toString().length)}\n${text.trim()}\n`);
  };
  add(index);
  return [`##! experimental { ${[...flags].join(' ')} }\n${head}`, ...parts].join('\n');
}

const head = `// Mallard's models in one file, written by \`mallard publish\`: an edit here is lost, and changes nothing in Mallard itself.
`;
