// What a fresh clone needs before anything runs: the packages of the lock file, and dist/. Does nothing where both are
// up to date, so it may stand before every command. Plain JavaScript on Node alone, since nothing is installed yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Mallard needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

install();
build();

function install() {
  const stamp = join(root, 'node_modules', '.mallard-lock');
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.error('Installing packages …');
  // Not `npm ci`: it refuses where the registry lacks an optional package of another platform. This installs what the
  // lock file says all the same, and leaves the lock file alone.
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  run(npm, ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(stamp, lock);
}

function build() {
  // Not .tsbuildinfo, which the check of types rewrites as well.
  const built = join(root, 'dist', 'launch.cjs');
  const builtAt = existsSync(built) ? statSync(built).mtimeMs : 0;
  if (newestSource() <= builtAt) return;
  console.error('Building …');
  // A file that was deleted or renamed must not live on in dist/.
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root]);
}

/** When the newest source was last changed, in ms. */
function newestSource() {
  const tops = ['data', 'models', 'pipelines', 'reports', 'api', 'jobs'];
  const files = tops.flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.name.endsWith('.ts'))
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name)),
  );
  const singles = ['mallard.ts', 'launch.cts', 'tsconfig.json', 'package-lock.json'].map((name) =>
    join(root, name),
  );
  return Math.max(...[...files, ...singles].map((file) => statSync(file).mtimeMs));
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
