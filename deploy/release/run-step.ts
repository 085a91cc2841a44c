import { checkRollback } from './check-rollback.ts';
import { checkVersion } from './check-version.ts';
import { packAll } from './pack.ts';
import { recordSchema } from './record-schema.ts';
import { writeSbom } from './sbom.ts';

export const USAGE = `npm run release -- --dry-run [--workflow release|rollback] [--only STEP] [--out FOLDER] [--from REF --to REF]
npm run release -- check-version --tag v1.2.3
npm run release -- pack --out FOLDER
npm run release -- sbom --out FOLDER
npm run release -- record-schema --commit REF --out FOLDER
npm run release -- check-rollback --from REF --to REF`;

/** The options of all steps. */
export type ReleaseOptions = {
  'dry-run'?: boolean;
  workflow?: string;
  only?: string;
  tag?: string;
  out?: string;
  commit?: string;
  from?: string;
  to?: string;
  'allow-unreleased'?: boolean;
};

/**
 * Executes one step. Returns lines that say what it did. Throws if the release must not continue.
 */
export async function runStep(name: string, options: ReleaseOptions): Promise<string[]> {
  const { tag, out = 'release-artifacts', commit = 'HEAD', from = '', to = '' } = options;
  switch (name) {
    case 'check-version':
      return checkVersion({ tag, mayBeUnreleased: options['allow-unreleased'] === true });
    case 'pack':
      return packAll(out);
    case 'sbom':
      return writeSbom(out);
    case 'record-schema':
      return recordSchema(commit, out);
    case 'check-rollback':
      return checkRollback(from, to);
    default:
      throw new Error(`there is no step ${name}\n${USAGE}`);
  }
}
