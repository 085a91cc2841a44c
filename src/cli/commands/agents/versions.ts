import { type Command, Option } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import type { Pool } from '../../../db/connection/pool.ts';
import {
  diffVersions,
  findVersioned,
  labelVersion,
  listVersions,
  restoreVersion,
  type VersionedKind,
  type VersionedObject,
  versionedKinds,
} from '../../../db/queries/versions.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import { versionDiff } from '../../print/version-diff.ts';

type VersionOptions = {
  diff?: string[];
  restore?: string;
  label?: string[];
  kind?: VersionedKind;
};

/**
 * Registers `howdah dev versions NAME`: the versions of an agent, a workflow, a prompt or a skill,
 * and their restoration.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<name>', 'name of an agent, workflow, prompt or skill')
    .addOption(
      new Option(
        '--diff <versions...>',
        'show the changes from one version to another (default: to the newest)',
      ).conflicts(['restore', 'label']),
    )
    .addOption(
      new Option('--restore <n>', 'restore this version, as a new version').conflicts('label'),
    )
    .option('--label <n name...>', 'label a version, such as: --label 3 production')
    .addOption(
      new Option('--kind <kind>', 'kind of the object, if several have the name').choices(
        versionedKinds,
      ),
    )
    .action(async (name: string, options: VersionOptions) => {
      const { diff, restore, label } = options;
      await withDatabase(io, async ({ pool }) => {
        const thing = await versionedOf(pool, name, options.kind);
        if (diff) return showDiff(io, pool, thing, diff);
        if (restore !== undefined) return restoreOne(io, pool, thing, numberOf(restore));
        if (label) return labelOne(io, pool, thing, label);
        return showList(io, pool, thing);
      });
    });
}

/** Returns the object with this name. Throws `HWNTF`, and `EUSAGE` if there are several. */
async function versionedOf(
  pool: Pool,
  name: string,
  kind: VersionedKind | undefined,
): Promise<VersionedObject> {
  const found = (await findVersioned(pool, name)).filter(
    (one) => kind === undefined || one.kind === kind,
  );
  const [first, second] = found;
  if (first === undefined) {
    throw new HowdahError(
      'HWNTF',
      `there is no ${kind ?? 'agent, workflow, prompt or skill'} named '${name}'`,
      {
        hint: 'List the agents: howdah agents',
        detail: { name },
      },
    );
  }
  if (second !== undefined) {
    const kinds = found.map((one) => one.kind);
    throw new HowdahError('EUSAGE', `${kinds.join(' and ')} have the name '${name}'`, {
      hint: `Select one: --kind ${first.kind}`,
      detail: { name, kinds },
    });
  }
  return first;
}

async function showList(io: CliIo, pool: Pool, thing: VersionedObject): Promise<void> {
  const rows = await listVersions(pool, thing);
  if (io.json) {
    printJson(io, { ...thing, items: rows });
    return;
  }
  printTable(
    io,
    rows.map(({ labels, digest, ...row }) => {
      return { ...row, labels: labels.join(' '), digest: digest.slice(0, 12) };
    }),
  );
}

async function showDiff(
  io: CliIo,
  pool: Pool,
  thing: VersionedObject,
  versions: string[],
): Promise<void> {
  const [from = '', to, ...more] = versions;
  if (more.length > 0) {
    throw new HowdahError('EUSAGE', '--diff takes one version or two', {
      hint: `howdah dev versions ${thing.name} --diff 1 2`,
    });
  }
  const changes = await diffVersions(pool, thing, from, to);
  if (io.json) {
    printJson(io, { ...thing, patch: changes.map(({ operation }) => operation) });
  } else if (changes.length === 0) {
    io.err('The versions are the same.');
  } else {
    io.out(changes.map(versionDiff).join('\n\n'));
  }
}

async function restoreOne(
  io: CliIo,
  pool: Pool,
  thing: VersionedObject,
  number: number,
): Promise<void> {
  const version = await restoreVersion(pool, thing, number);
  if (io.json) {
    printJson(io, { ...thing, version });
  } else {
    io.out(`${thing.kind} ${thing.name} is restored to version ${number}, as version ${version}`);
  }
}

async function labelOne(
  io: CliIo,
  pool: Pool,
  thing: VersionedObject,
  words: string[],
): Promise<void> {
  const [number = '', label, ...more] = words;
  const { kind } = thing;
  if (label === undefined || more.length > 0) {
    throw new HowdahError('EUSAGE', '--label needs a version and a label', {
      hint: `howdah dev versions ${thing.name} --label 1 production`,
    });
  }
  if (kind === 'skill') {
    throw new HowdahError('EUSAGE', 'versions of skills have no labels', {
      hint: 'Label the agent instead: a version of an agent contains the versions of its skills.',
    });
  }
  const version = numberOf(number);
  await labelVersion(pool, { ...thing, kind }, version, label);
  if (io.json) {
    printJson(io, { ...thing, version, label });
  } else {
    io.out(`version ${version} of ${kind} ${thing.name} has the label ${label}`);
  }
}

function numberOf(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) {
    throw new HowdahError('EUSAGE', `${text} is not a version number`, {
      hint: 'List the versions: howdah dev versions NAME',
    });
  }
  return Number(text);
}
