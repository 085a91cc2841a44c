import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { all } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const workflows = readdirSync(join(ROOT, '.github/workflows'));

describe.each(workflows)('the workflow %s', (name) => {
  const text = read(`.github/workflows/${name}`);
  const workflow = parse(text);

  test('names every action by a commit, with its version', () => {
    const uses = [...text.matchAll(/uses: *(.+)$/gm)].map(([, action]) => action);
    expect(uses.length).toBeGreaterThan(0);
    for (const action of uses) {
      expect(action).toMatch(/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    }
  });

  test('lets jobs read, unless a job says more', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
  });
});

test('one version of an action is used everywhere', () => {
  const commits = new Map<string, Set<string>>();
  for (const name of workflows) {
    for (const [, action = '', commit = ''] of read(`.github/workflows/${name}`).matchAll(
      /uses: *([^@]+)@(\w+)/g,
    )) {
      commits.set(action, (commits.get(action) ?? new Set()).add(commit));
    }
  }
  expect([...commits].filter(([, known]) => known.size > 1)).toEqual([]);
});

test('images are named by their digests', () => {
  const folders = ['', 'packaging/create-howdah/template/'];
  const bases = folders.flatMap((folder) =>
    [...read(`${folder}Dockerfile`).matchAll(/^FROM (\S+)/gm)].map(([, image]) => image),
  );
  const pulled = folders.flatMap((folder) => {
    const { services } = parse(read(`${folder}docker-compose.yml`));
    return Object.values(services as Record<string, { image?: string }>).flatMap(
      ({ image }) => image ?? [],
    );
  });
  expect([bases.length, pulled.length]).toEqual([3, 2]);
  for (const image of [...bases, ...pulled]) expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
});

test('secrets and data do not reach the build of the image', () => {
  const lines = read('.dockerignore').split('\n');
  expect(lines).toEqual(
    expect.arrayContaining(['**/.env', '**/.env.*', '**/*.dump', '**/*.key', '**/*.pem', '.git']),
  );
});

describe.each([
  ['', 'deploy/postgres/create-owner.sh', 'migrate'],
  ['packaging/create-howdah/template/', 'postgres/create-owner.sh', 'app'],
])('%sdocker-compose.yml', (folder, path, service) => {
  const db = testDatabase();
  const { services } = parse(read(`${folder}docker-compose.yml`));
  const script = `${folder}${path}`;

  test('logs in as an owner that its script creates, not as the superuser', () => {
    const { environment, volumes } = services.postgres;
    expect(volumes).toContain(`./${path}:/docker-entrypoint-initdb.d/create-owner.sh:ro`);
    const owner = new URL(services[service].environment.DATABASE_URL.replaceAll(/[${}]/g, ''));
    expect(environment.POSTGRES_USER).not.toBe(owner.username);
    expect(read(script)).toContain(`create role ${owner.username} login createrole`);
    expect(read(script)).toContain(`create database ${owner.pathname.slice(1)} owner`);
  });

  test('gives that owner no right that Howdah does not need', async () => {
    const [, role = ''] = /create role \w+ (.+) password/.exec(read(script)) ?? [];
    const client = await db.pool.connect();
    try {
      await client.query(`begin; create role compose_owner ${role}`);
      expect(
        await all(
          client,
          `select rolsuper, rolbypassrls, rolcreatedb, rolreplication, rolcreaterole
           from pg_roles where rolname = 'compose_owner'`,
        ),
      ).toEqual([
        {
          rolsuper: false,
          rolbypassrls: false,
          rolcreatedb: false,
          rolreplication: false,
          rolcreaterole: true,
        },
      ]);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});
