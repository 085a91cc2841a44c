import { type Command, Option } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import {
  type VersionOperations,
  versionOperations,
} from '../../../operations/definitions/versions.ts';
import { agents } from '../../../resources/definitions/agents.ts';
import { prompts } from '../../../resources/definitions/prompts.ts';
import { skills } from '../../../resources/definitions/skills.ts';
import { workflows } from '../../../resources/definitions/workflows.ts';
import type { Backend } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { allRows } from '../../backend/pages.ts';
import { hintIfNotFound } from '../../backend/unknown-name.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { withDates } from '../../backend/with-dates.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import { versionDiff } from '../../print/version-diff.ts';

const KINDS = { agent: agents, workflow: workflows, prompt: prompts, skill: skills };
type Kind = keyof typeof KINDS;
const kinds = Object.keys(KINDS) as Kind[];

type VersionOptions = {
  diff?: string[];
  restore?: string;
  label?: string[];
  kind?: Kind;
  tenant?: string;
};

/** An object that has versions, and the operations on them. */
type Versioned = {
  thing: { kind: Kind; id: string; name: string };
  operations: VersionOperations;
  call: Backend['call'];
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
      new Option('--kind <kind>', 'kind of the object, if several have the name').choices(kinds),
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (name: string, options: VersionOptions, self: Command) => {
      const { diff, restore, label, kind, tenant } = options;
      await withBackend(io, self, { tenant }, async (backend) => {
        const versioned = await versionedOf(backend, name, kind);
        const work = () => {
          if (diff) return showDiff(io, versioned, diff);
          if (restore !== undefined) return restoreOne(io, versioned, numberOf(restore));
          return label ? labelOne(io, versioned, label) : showList(io, versioned);
        };
        await work().catch(hintIfNotFound(`List the versions: howdah dev versions ${name}`));
      });
    });
}

/** Returns the object with this name. Throws `HWNTF`, and `EUSAGE` if there are several. */
async function versionedOf(
  { definitions, call }: Backend,
  name: string,
  kind: Kind | undefined,
): Promise<Versioned> {
  const wanted = kind === undefined ? kinds : [kind];
  const found = await Promise.all(
    wanted.map(async (one) => ({ kind: one, row: await definitions.lookUp(KINDS[one], name) })),
  );
  const [first, second] = found.filter(({ row }) => row !== undefined);
  if (first?.row === undefined) {
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
    const several = found.flatMap((one) => (one.row ? one.kind : []));
    throw new HowdahError('EUSAGE', `${several.join(' and ')} have the name '${name}'`, {
      hint: `Select one: --kind ${first.kind}`,
      detail: { name, kinds: several },
    });
  }
  const { id, name: ownName } = first.row;
  return {
    thing: { kind: first.kind, id, name: String(ownName) },
    operations: versionOperations(KINDS[first.kind]),
    call,
  };
}

async function showList(io: CliIo, { thing, operations, call }: Versioned): Promise<void> {
  const params = { id: thing.id };
  const rows = await allRows((query) => call(operations.list, { params, query }));
  const items = rows.map(({ version, labels, digest, created_at, created_by }) =>
    withDates({ version, labels, digest, created_at, created_by }),
  );
  if (io.json) return printJson(io, { ...thing, items });
  printTable(
    io,
    items.map(({ labels, digest, ...row }) => {
      return { ...row, labels: labels.join(' '), digest: digest.slice(0, 12) };
    }),
  );
}

async function showDiff(io: CliIo, versioned: Versioned, versions: string[]): Promise<void> {
  const { thing, operations, call } = versioned;
  const [version = '', other, ...more] = versions;
  if (more.length > 0) {
    throw new HowdahError('EUSAGE', '--diff takes one version or two', {
      hint: `howdah dev versions ${thing.name} --diff 1 2`,
    });
  }
  const to = other ?? String(await newestOf(versioned));
  const { data } = await call(operations.compare, {
    params: { id: thing.id, version, other: to },
  });
  if (io.json) {
    printJson(io, { ...thing, patch: data.map(({ operation }) => operation) });
  } else if (data.length === 0) {
    io.err('The versions are the same.');
  } else {
    io.out(data.map(versionDiff).join('\n\n'));
  }
}

async function newestOf({ thing, operations, call }: Versioned): Promise<number> {
  const { data } = await call(operations.list, { params: { id: thing.id }, query: { limit: 1 } });
  return data[0]?.version ?? 0;
}

async function restoreOne(io: CliIo, versioned: Versioned, number: number): Promise<void> {
  const { thing, operations, call } = versioned;
  await call(operations.restore, { params: { id: thing.id, version: String(number) } });
  const version = await newestOf(versioned);
  if (io.json) {
    printJson(io, { ...thing, version });
  } else {
    io.out(`${thing.kind} ${thing.name} is restored to version ${number}, as version ${version}`);
  }
}

async function labelOne(
  io: CliIo,
  { thing, operations, call }: Versioned,
  words: string[],
): Promise<void> {
  const [number = '', label, ...more] = words;
  const { kind, id, name } = thing;
  if (label === undefined || more.length > 0) {
    throw new HowdahError('EUSAGE', '--label needs a version and a label', {
      hint: `howdah dev versions ${name} --label 1 production`,
    });
  }
  if (kind === 'skill') {
    throw new HowdahError('EUSAGE', 'versions of skills have no labels', {
      hint: 'Label the agent instead: a version of an agent contains the versions of its skills.',
    });
  }
  const version = numberOf(number);
  await call(operations.label, { params: { id, label }, body: { version } });
  if (io.json) {
    printJson(io, { ...thing, version, label });
  } else {
    io.out(`version ${version} of ${kind} ${name} has the label ${label}`);
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
