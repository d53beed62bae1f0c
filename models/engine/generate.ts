import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../data/package-root.ts';
import { scoreFiles } from '../scores/generate.ts';
import { asOfFiles } from './as-of.ts';
import { generatedFiles } from './windows.ts';

for (const [file, text] of [...generatedFiles(), ...asOfFiles(), ...(await scoreFiles())])
  writeFileSync(join(packageRoot, 'models', file), text);
