import { pathToFileURL } from 'node:url';
import { errorMessage, MallardError } from '../../../data/errors.ts';
import type { Project } from '../../../data/project.ts';
import type { CompiledModels } from '../compiled.ts';
import type { ModelEngine } from '../engine.ts';
import { modelPath } from '../files.ts';
import { metricOf } from '../metrics/find.ts';
import { versionOf, type ModelVersion } from '../model-versions.ts';
import type { DefinedMetric } from './compile.ts';
import type { DefinitionChange } from './types.ts';

export interface ComparedDefinitions {
  change: DefinitionChange;
  /** The metric by the definitions of then, where they differ and can still be used. */
  old: DefinedMetric | undefined;
  notes: string[];
}

/** The definitions that were in force then beside those of now, as far as the metric depends on them. */
export async function compareDefinitions(
  engine: ModelEngine,
  project: Project,
  now: DefinedMetric,
  then: (ModelVersion & { isGuess: boolean }) | undefined,
): Promise<ComparedDefinitions> {
  const change: DefinitionChange = {
    status: 'same',
    then: then ? { version: then.version, created_at: then.created_at ?? null } : null,
    now: { version: versionOf(now.models.files, project).version },
    measures: [],
    files: [],
  };
  if (!then) {
    const note = 'No build has kept its definitions yet: those of now are taken for those of then.';
    return { change: { ...change, status: 'unknown' }, old: undefined, notes: [note] };
  }
  const notes = then.isGuess
    ? [`Definitions of before ${then.created_at} are not known: the first that are known are taken.`]
    : [];
  if (then.isGuess) change.status = 'unknown';
  const textThen = textsOf(then, project);
  // No file of its own: what it stands for, index.malloy, is compared itself.
  const published = pathToFileURL(project.publishedModels).toString();
  const isChanged = (url: string) => url !== published && textThen.get(url) !== now.models.files.textOf(url);
  change.files = dependencies(now)
    .filter(isChanged)
    .map((url) => modelPath(url, project));
  if (change.files.length === 0) return { change, old: undefined, notes };
  if (change.status === 'same') change.status = 'changed';
  try {
    const old = await recordedMetric(engine, now, then);
    const files = [...new Set([...dependencies(now), ...dependencies(old)])].filter(isChanged);
    change.files = files.map((url) => modelPath(url, project)).sort();
    change.measures = changedMeasures(old, now);
    return { change, old, notes };
  } catch (error) {
    if (!(error instanceof MallardError)) throw error;
    change.status = 'unavailable';
    const note = `The definitions of then cannot be used any more, so that their part is not known, and \`then\` is by the definitions of now: ${errorMessage(error).trim()}`;
    return { change, old: undefined, notes: [...notes, note] };
  }
}

async function recordedMetric(
  engine: ModelEngine,
  { metric }: DefinedMetric,
  { texts }: ModelVersion,
): Promise<DefinedMetric> {
  const models = await engine.compileRecorded(texts);
  const model = await models.materializer.getModel();
  // A file of the project that does not compile any more may be the one that had the metric.
  const [broken] = model.explores.some(({ name }) => name === metric.source) ? [] : models.broken;
  if (broken) throw new MallardError('model_invalid', broken.message.trim());
  return { ...metricOf(model, metric.name), models };
}

function textsOf({ texts }: ModelVersion, project: Project): Map<string, string> {
  const all = [
    [texts.package, project.packageModels],
    [texts.project, project.models],
  ] as const;
  return new Map(
    all.flatMap(([files, folder]) =>
      Object.entries(files).map(
        ([path, text]) => [new URL(path, pathToFileURL(`${folder}/`)).toString(), text] as const,
      ),
    ),
  );
}

/** The file that defines the metric's source, and every file it imports, by URL. */
function dependencies({ explore, models }: DefinedMetric): string[] {
  if (!explore.location?.url.startsWith('file:')) return [];
  const url = new URL(explore.location.url);
  return [url, ...models.files.allImportsOf(url)].map(String);
}

function changedMeasures(old: DefinedMetric, now: DefinedMetric): DefinitionChange['measures'] {
  const names = [old, now].flatMap(({ metric }) => [
    metric.field,
    metric.numerator?.name,
    metric.denominator?.name,
  ]);
  return [...new Set(names)].flatMap((name) => {
    if (name === undefined) return [];
    const [before, after] = [measureText(old, name), measureText(now, name)];
    return before === after ? [] : [{ name, before, after }];
  });
}

/** As it stands in its file. */
function measureText(
  { explore, models }: { explore: DefinedMetric['explore']; models: CompiledModels },
  name: string,
) {
  const field = explore.getFieldByNameIfExists(name);
  const location = field?.isAtomicField() ? field.location : undefined;
  const lines = location && models.files.textOf(location.url)?.split(/\r?\n/);
  if (!location || !lines) return null;
  const { start, end } = location.range;
  return lines
    .slice(start.line, end.line + 1)
    .map((line, i) => {
      const last = i === end.line - start.line ? line.slice(0, end.character) : line;
      return i === 0 ? last.slice(start.character) : last;
    })
    .join('\n');
}
