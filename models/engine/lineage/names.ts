import type { ModelDef } from '@malloydata/malloy';
import type { Project } from '../../../data/project.ts';
import type { CompiledModels } from '../compiled.ts';
import { modelPath } from '../files.ts';
import { definitionOf, marts } from '../marts.ts';
import type { Place } from './graph.ts';

/** Where in the house a definition stands, from the warehouse to who uses it. */
export const lineageLayers = ['core', 'base', 'intermediate', 'mart', 'metric', 'user'] as const;
export type LineageLayer = (typeof lineageLayers)[number];

interface Span {
  name: string;
  first: number;
  last: number;
}

/** What a definition is called after: the source, or the query, that is written around it. */
export class Names {
  readonly #spans: ReadonlyMap<string, readonly Span[]>;
  readonly #project: Project;

  private constructor(spans: ReadonlyMap<string, readonly Span[]>, project: Project) {
    this.#spans = spans;
    this.#project = project;
  }

  /** @param urls files of the models */
  static async read(models: CompiledModels, urls: Iterable<string>, project: Project): Promise<Names> {
    const spans = new Map<string, Span[]>();
    for (const url of urls) {
      const model = await (await models.compileFile(new URL(url))).getModel();
      spans.set(url, spansOf(model._modelDef, url));
    }
    return new Names(spans, project);
  }

  /** `orders`; a mart's definition is told as the mart. */
  sourceAt({ url, line }: Place): string {
    const around = (this.#spans.get(url) ?? []).filter(({ first, last }) => first <= line && line <= last);
    const inmost = around.toSorted((a, b) => a.last - a.first - (b.last - b.first))[0];
    const name = inmost?.name ?? this.fileAt({ url, line }).replace(/\.malloy$/, '');
    return marts.find((mart) => definitionOf(mart) === name) ?? name;
  }

  fileAt({ url }: Place): string {
    return modelPath(url, this.#project);
  }

  layerAt(place: Place): LineageLayer {
    const [folder] = this.fileAt(place).split('/');
    if (folder === 'base' || folder === 'intermediate') return folder;
    if (folder === 'marts') return 'mart';
    return folder === 'metrics' ? 'metric' : 'user';
  }
}

function spansOf(definition: ModelDef, url: string): Span[] {
  return Object.entries(definition.contents).flatMap(([name, content]) => {
    const location = 'location' in content ? content.location : undefined;
    if (location?.url !== url) return [];
    return [{ name, first: location.range.start.line, last: location.range.end.line }];
  });
}
