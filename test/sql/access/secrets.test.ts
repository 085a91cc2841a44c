import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { putSecretOn, secretRowsOn } from '../../../src/db/access/secrets.ts';
import { newKey } from '../../../src/secrets/aead.ts';
import { createMasterKeys } from '../../../src/secrets/master-keys.ts';
import { createSecretReader } from '../../../src/secrets/reader.ts';
import { rotateDataKey } from '../../../src/secrets/rotation.ts';
import { createSecretWriter } from '../../../src/secrets/writer.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  isBlocked,
  makeAgent,
  makeModel,
  makeTenant,
  one,
  refusal,
  refusedInside,
  rolledBack,
} from '../support.ts';

const keys = createMasterKeys({ keys: [newKey()], file: undefined });

const db = testDatabase();
let acme: string;
let beta: string;

beforeAll(async () => {
  acme = await makeTenant(db.pool);
  beta = await makeTenant(db.pool);
  await store(acme, 'openai', 'the key of acme');
  await store(beta, 'openai', 'the key of beta');
  await store(acme, 'groq', 'another key of acme');
});

const store = (tenant: string, name: string, value: string) =>
  createSecretWriter(secretRowsOn(db.pool), keys).set(
    tenant,
    name,
    value,
    putSecretOn(db.pool, tenant),
  );
/** Reads a secret with an empty cache. */
const read = (tenant: string, name: string, pool: pg.Pool = db.pool) =>
  createSecretReader(secretRowsOn(pool), keys)(tenant, name);
const value = async (tenant: string, name: string) => {
  const outcome = await read(tenant, name);
  return outcome.ok ? outcome.value : outcome.error.message;
};

describe('access to secrets', () => {
  const PRIVATE = ['sealed_secrets', 'data_keys', 'master_keys'];

  test.each([
    'howdah_app',
    'howdah_analyst',
    'howdah_worker',
    'howdah_authenticator',
    'howdah_eraser',
  ])('no access to ciphertext: %s', async (role) => {
    await asRole(db.pool, role, { 'howdah.tenant_id': acme }, async (client) => {
      for (const table of PRIVATE) {
        await client.query('savepoint attempt');
        const { code } = await refusal(client.query(`select * from howdah_private.${table}`));
        await client.query('rollback to savepoint attempt');
        expect({ table, code }).toEqual({ table, code: '42501' });
      }
    });
  });

  test('roles of a tenant see which of its secrets exist, and none of other tenants', async () => {
    for (const role of ['howdah_app', 'howdah_analyst']) {
      await asRole(db.pool, role, { 'howdah.tenant_id': acme }, async (client) => {
        const rows = await all(client, 'select * from howdah.secrets order by name');
        expect(rows).toMatchObject([
          { name: 'groq', tenant_id: acme, version: 1, last_four: 'acme' },
          { name: 'openai', tenant_id: acme, version: 1, last_four: null },
        ]);
        expect(JSON.stringify(rows)).not.toContain('the key');
      });
    }
  });

  test('only workers may read sealed values', async () => {
    const callers = await all(
      db.pool,
      `select p.proname || ' ' || a.grantee::regrole as name
       from pg_proc as p cross join lateral aclexplode(p.proacl) as a
       where p.pronamespace = 'howdah_private'::regnamespace and a.grantee not in (p.proowner, 'howdah_engine'::regrole)
         and p.proname in ('sealed_secret', 'secret_slot', 'secrets_to_reseal', 'data_keys_to_rewrap', 'add_data_key',
           'rewrap_data_key', 'reseal_secrets', 'adopt_master_key', 'switch_master_key', 'drop_unused_data_keys',
           'sealed_document', 'key_document', 'put_secret', 'master_key_state')
         and a.grantee <> 'howdah_owner'::regrole
       order by 1`,
    );
    expect(callers.map(({ name }) => name)).toEqual([
      'add_data_key howdah_worker', // workers: data keys for signing keys
      'adopt_master_key howdah_worker',
      'drop_unused_data_keys howdah_worker', // after the contents of runs have another key
      'master_key_state howdah_worker',
      'put_secret howdah_app',
      'sealed_secret howdah_worker',
      'secret_slot howdah_worker',
    ]);
  });

  test('a worker reads a secret with its own rights', async () => {
    const pool = new pg.Pool({
      connectionString: db.url,
      options: '-c role=howdah_worker',
      max: 1,
    });
    try {
      expect(await read(acme, 'openai', pool)).toEqual({ ok: true, value: 'the key of acme' });
    } finally {
      await pool.end();
    }
  });

  test('the application cannot write secrets directly', async () => {
    const settings = { 'howdah.tenant_id': acme };
    for (const text of [
      `insert into howdah.secrets (name, fingerprint) values ('x', '')`,
      `update howdah.secrets set version = 9`,
      `delete from howdah.secrets`,
    ]) {
      await asRole(db.pool, 'howdah_app', settings, async (client) => {
        expect((await refusal(client.query(text))).code).toBe('42501');
      });
    }
  });

  test('a viewer can neither store nor remove a secret', async () => {
    const settings = { 'howdah.tenant_id': acme, 'howdah.role': 'viewer' };
    const viewer = await one(
      db.pool,
      `insert into howdah.users (tenant_id, username, role) values ($1, 'eve', 'viewer') returning id`,
      [acme],
    );
    for (const text of [
      `select howdah.remove_secret('openai', true)`,
      `select howdah_private.put_secret('{"name": "x"}', '', null)`,
    ]) {
      await asRole(
        db.pool,
        'howdah_app',
        { ...settings, 'howdah.user_id': viewer.id },
        async (client) => {
          expect(await refusal(client.query(text))).toMatchObject({ code: 'HWDEN' });
        },
      );
    }
  });
});

describe('a sealed secret does not open', () => {
  const SEALED = 'howdah_private.sealed_secrets';
  const OF = (tenant: '$1' | '$2', name: string) =>
    `(select id from howdah.secrets where tenant_id = ${tenant} and name = '${name}')`;

  /** Acts as an attacker who can write the tables but has no key. $1 is acme, $2 is beta. */
  test.each([
    [
      'a ciphertext swapped with that of another name cannot be decrypted',
      `create temp table own on commit drop as select * from ${SEALED} where tenant_id = $1;
       delete from ${SEALED} where tenant_id = $1;
       insert into ${SEALED} (secret_id, tenant_id, data_key_id, version, nonce, ciphertext)
       select case secret_id when ${OF('$1', 'openai')} then ${OF('$1', 'groq')} else ${OF('$1', 'openai')} end,
         tenant_id, data_key_id, version, nonce, ciphertext from own`,
      /secret 'openai' cannot be decrypted/,
    ],
    [
      'a renamed secret cannot be decrypted',
      `update howdah.secrets set name = 'old' where id = ${OF('$1', 'openai')};
       update howdah.secrets set name = 'openai' where id = ${OF('$1', 'groq')}`,
      /secret 'openai' cannot be decrypted/,
    ],
    [
      'a ciphertext copied from another tenant cannot be decrypted',
      `update ${SEALED} as mine set nonce = theirs.nonce, ciphertext = theirs.ciphertext
       from ${SEALED} as theirs
       where mine.secret_id = ${OF('$1', 'openai')} and theirs.secret_id = ${OF('$2', 'openai')}`,
      /secret 'openai' cannot be decrypted/,
    ],
    [
      'a ciphertext and data key copied from another tenant cannot be decrypted',
      `with keyed as (
         update howdah_private.data_keys as mine set nonce = theirs.nonce, ciphertext = theirs.ciphertext
         from howdah_private.data_keys as theirs where mine.tenant_id = $1 and theirs.tenant_id = $2
       )
       update ${SEALED} as mine set nonce = theirs.nonce, ciphertext = theirs.ciphertext
       from ${SEALED} as theirs
       where mine.secret_id = ${OF('$1', 'openai')} and theirs.secret_id = ${OF('$2', 'openai')}`,
      /data key .* cannot be decrypted/,
    ],
    [
      'a ciphertext with another version cannot be decrypted',
      `update ${SEALED} set version = version + 1 where secret_id = ${OF('$1', 'openai')}`,
      /secret 'openai' cannot be decrypted/,
    ],
    [
      'a ciphertext with one changed bit cannot be decrypted',
      `update ${SEALED} set ciphertext = set_bit(ciphertext, 3, 1 - get_bit(ciphertext, 3))
       where secret_id = ${OF('$1', 'openai')}`,
      /secret 'openai' cannot be decrypted/,
    ],
  ])('%s', async (_, text, words) => {
    await rolledBack(db.pool, async (client) => {
      await client.query(text.replaceAll('$1', `'${acme}'`).replaceAll('$2', `'${beta}'`));
      const outcome = await read(acme, 'openai', client as unknown as pg.Pool);
      expect(outcome).toMatchObject({
        ok: false,
        error: { code: 'unauthorized', retryable: false },
      });
      expect(outcome.ok || outcome.error.message).toMatch(words);
    });
    expect(await value(acme, 'openai')).toBe('the key of acme');
  });

  test('after an earlier value is put back', async () => {
    await store(acme, 'rolled', 'first value');
    const columns = `from ${SEALED} where secret_id = ${OF('$1', 'rolled')}`;
    const old = await one(db.pool, `select nonce, ciphertext ${columns}`, [acme]);
    await store(acme, 'rolled', 'second value');
    expect(await value(acme, 'rolled')).toBe('second value');
    await db.pool.query(
      `update ${SEALED} set nonce = $2, ciphertext = $3 where secret_id = ${OF('$1', 'rolled')}`,
      [acme, old.nonce, old.ciphertext],
    );
    expect(await value(acme, 'rolled')).toMatch(/cannot be decrypted: its row was changed/);
  });
});

describe('a model', () => {
  test('can name only a secret of its tenant', async () => {
    await makeModel(db.pool, { tenant_id: acme, secret_name: 'openai', name: 'fast' });
    for (const columns of [
      { tenant_id: acme, secret_name: 'nobody' },
      { tenant_id: beta, secret_name: 'groq' },
    ]) {
      expect(await refusal(makeModel(db.pool, columns))).toMatchObject({
        code: 'HWNTF',
        hint: expect.stringContaining(`howdah admin secret set ${columns.secret_name}`),
      });
    }
    const pasted = 'sk-abcdefghijklmnopqrstuvwx1234';
    const refused = await refusal(makeModel(db.pool, { tenant_id: acme, secret_name: pasted }));
    expect(refused).toMatchObject({
      code: 'HWINV',
      fields: { path: 'secret_name', field: 'secret_name' },
    });
    expect(JSON.stringify(refused)).not.toContain(pasted);
    expect(
      await refusal(
        db.pool.query(`update howdah.models set secret_name = 'nobody' where name = 'fast'`),
      ),
    ).toMatchObject({ code: 'HWNTF', detail: '{"secret": "nobody"}' });
  });

  test('appears in agent versions with the name of its secret, without the value', async () => {
    const agent = await one(
      db.pool,
      `with agent as (
         insert into howdah.agents (tenant_id, name) values ($1, 'keyed') returning id
       )
       insert into howdah.agent_models (tenant_id, agent_id, model_id)
       select $1, a.id, m.id from agent as a, howdah.models as m where m.tenant_id = $1 and m.name = 'fast'
       returning agent_id as id`,
      [acme],
    );
    const versions = () =>
      all(
        db.pool,
        `select definition #> '{models,0}' as model from howdah.agent_versions where agent_id = $1 order by version`,
        [agent.id],
      );
    expect((await versions()).at(-1)?.model).toMatchObject({ name: 'fast', secret_name: 'openai' });
    await db.pool.query(
      `update howdah.models set secret_name = null where tenant_id = $1 and name = 'fast'`,
      [acme],
    );
    const [, second] = await versions();
    expect(second?.model).not.toHaveProperty('secret_name');
    await db.pool.query(
      `update howdah.models set secret_name = 'openai' where tenant_id = $1 and name = 'fast'`,
      [acme],
    );
  });
});

describe('remove_secret', () => {
  const remove = (client: Pick<pg.Pool, 'query'>, name: string, force = false) =>
    one(client, 'select * from howdah.remove_secret($1, $2)', [name, force]);
  const asAcme = <T>(work: (client: pg.PoolClient) => Promise<T>) =>
    asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': acme }, work);

  test('keeps a secret that a model names, unless forced', async () => {
    await asAcme(async (client) => {
      await client.query('savepoint attempt');
      expect(await refusal(remove(client, 'openai'))).toMatchObject({
        code: 'HWCNF',
        fields: { secret: 'openai', used_by: ['model fast'] },
        detail: '{"secret": "openai", "used_by": ["model fast"]}',
      });
      await client.query('rollback to savepoint attempt');
      expect(await remove(client, 'openai', true)).toMatchObject({
        name: 'openai',
        tenant_id: acme,
      });
      expect(
        await all(client, `select secret_name from howdah.models where name = 'fast'`),
      ).toEqual([{ secret_name: 'openai' }]);
    });
  });

  test('is no stricter than a direct delete, and counts use by http_request', async () => {
    const tool = await one(
      db.pool,
      `select id from howdah.tools where tenant_id = $1 and name = 'http_request'`,
      [acme],
    );
    const agent_id = await makeAgent(db.pool, { tenant_id: acme, name: 'caller' });
    const naming = (secret_name: string) => ({
      secrets: { 'x-key': { secret_name, hosts: ['x.org'] } },
    });
    await store(acme, 'by_hand', 'a key that agents send');
    const used: [string, unknown[], string][] = [
      [
        'update howdah.tools set configuration = $2 where id = $1',
        [tool.id, naming('by_hand')],
        'tool http_request',
      ],
      [
        'insert into howdah.agent_tools (tenant_id, agent_id, tool_id, configuration) values ($1, $2, $3, $4)',
        [acme, agent_id, tool.id, naming('by_hand')],
        'tool http_request of agent caller',
      ],
      [
        `insert into howdah.models (tenant_id, name, provider, model, secret_name) values ($1, 'by hand', 'openai', 'x', $2)`,
        [acme, 'by_hand'],
        'model by hand',
      ],
    ];
    for (const [text, values, user] of used) {
      await rolledBack(db.pool, async (client) => {
        await client.query(`select set_config('howdah.tenant_id', $1, true)`, [acme]);
        await client.query(text, values);
        for (const removal of [
          `delete from howdah.secrets where name = 'by_hand'`,
          `select howdah.remove_secret('by_hand')`,
        ]) {
          expect(await refusedInside(client, removal), removal).toMatchObject({
            code: 'HWCNF',
            fields: { secret: 'by_hand', used_by: [user] },
          });
        }
        await client.query(`select howdah.remove_secret('by_hand', true)`);
      });
    }
    await db.pool.query(`delete from howdah.secrets where name = 'by_hand'`);
  });

  test('deleting a tenant removes its secrets, whatever names them', async () => {
    await rolledBack(db.pool, async (client) => {
      const tenant_id = await makeTenant(client);
      await client.query(
        `insert into howdah.secrets (tenant_id, name, fingerprint, last_four) values ($1, 'openai', 'f', 'abcd')`,
        [tenant_id],
      );
      await client.query(
        `insert into howdah.mcp_servers (tenant_id, name, type, configuration) values ($1, 'far', 'http', $2)`,
        [tenant_id, { url: 'https://example.com/mcp', secret_name: 'openai' }],
      );
      await client.query('delete from howdah.tenants where id = $1', [tenant_id]);
      const left = 'select from howdah.secrets where tenant_id = $1';
      expect(await all(client, left, [tenant_id])).toEqual([]);
    });
  });

  test("does not find another tenant's secret, and deletes the sealed value too", async () => {
    await asAcme(async (client) => {
      expect(await refusal(remove(client, 'nobody'))).toMatchObject({ code: 'HWNTF' });
    });
    await rolledBack(db.pool, async (client) => {
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [acme]);
      const { id } = await remove(client, 'groq');
      const left = 'select from howdah_private.sealed_secrets where secret_id = $1';
      expect(await all(client, left, [id])).toEqual([]);
    });
  });

  test('waits for a concurrent model that names the secret, and then keeps it', async () => {
    const [model, removal] = [await db.pool.connect(), await db.pool.connect()];
    try {
      await model.query('begin');
      await makeModel(model, { tenant_id: acme, secret_name: 'groq', name: 'late' });
      await removal.query(`begin; select set_config('howdah.tenant_id', '${acme}', true)`);
      const removed = refusal(remove(removal, 'groq'));
      await isBlocked(db.pool, removal);
      await model.query('commit');
      expect(await removed).toMatchObject({ code: 'HWCNF' });
    } finally {
      await removal.query('rollback');
      for (const client of [model, removal]) client.release();
    }
  });
});

describe('concurrent writes', () => {
  test('of many values of one name make one version each; the last one stays and opens', async () => {
    const values = Array.from({ length: 8 }, (_, index) => `value number ${index}`);
    await Promise.all(values.map((one) => store(beta, 'busy', one)));
    const text = `select version, rotated_at from howdah.secrets where tenant_id = $1 and name = 'busy'`;
    expect(await one(db.pool, text, [beta])).toMatchObject({
      version: 8,
      rotated_at: expect.any(Date),
    });
    expect(values).toContain(await value(beta, 'busy'));
  });

  test('of the first secrets of a tenant share one data key', async () => {
    const tenant = await makeTenant(db.pool);
    const names = Array.from({ length: 6 }, (_, index) => `name${index}`);
    await Promise.all(names.map((name) => store(tenant, name, `value of ${name}`)));
    for (const name of names) expect(await value(tenant, name)).toBe(`value of ${name}`);
    const dataKeys = 'select id from howdah_private.data_keys where tenant_id = $1';
    expect(await all(db.pool, dataKeys, [tenant])).toHaveLength(1);
  });

  test('of new values during a rotation of the data key lose none; old keys go', async () => {
    const tenant = await makeTenant(db.pool);
    for (let index = 0; index < 120; index++) await store(tenant, `n${index}`, `old ${index}`);
    const rows = secretRowsOn(db.pool);
    const news = Array.from({ length: 40 }, (_, index) =>
      store(tenant, `n${index * 3}`, `new ${index * 3}`),
    );
    const [{ resealed: count }] = await Promise.all([rotateDataKey(rows, keys, tenant), ...news]);
    await rotateDataKey(rows, keys, tenant);
    expect(count).toBeGreaterThan(0);
    for (let index = 0; index < 120; index += 17) {
      expect(await value(tenant, `n${index}`)).toBe(`${index % 3 === 0 ? 'new' : 'old'} ${index}`);
    }
    const dataKeys = 'select is_current from howdah_private.data_keys where tenant_id = $1';
    expect(await all(db.pool, dataKeys, [tenant])).toEqual([{ is_current: true }]);
    const nonces = await one(
      db.pool,
      'select count(*)::int as rows, count(distinct nonce)::int as nonces from howdah_private.sealed_secrets',
    );
    expect(nonces.nonces).toBe(nonces.rows);
  });
});

describe('the master key is switched', () => {
  type Held = { keys: string[]; heartbeat?: string };

  /**
   * Switches to the key `new` while a worker has these keys. Returns the key in use, or the error.
   */
  const switchBeside = ({ keys: held, heartbeat = 'now' }: Held, force: boolean) =>
    rolledBack(db.pool, async (client) => {
      const worker = randomUUID();
      await client.query(
        `select howdah_private.register_worker($1, 'pool', 'host', 7, 'test', 1, master_keys => $2)`,
        [worker, held],
      );
      await client.query('update howdah_private.workers set heartbeat_at = $2 where id = $1', [
        worker,
        heartbeat,
      ]);
      const text = 'select howdah_private.switch_master_key($1, $2)';
      await client.query('savepoint attempt');
      const { code, detail } = await client.query(text, ['new', force]).then(
        () => ({ code: undefined, detail: undefined }),
        (error) => error as { code: string; detail: string },
      );
      if (code) {
        await client.query('rollback to savepoint attempt');
        expect(JSON.parse(detail ?? '')).toEqual({ workers: [`${worker} (process 7 on host)`] });
        return code;
      }
      const { state } = await one(client, 'select howdah_private.master_key_state() as state');
      return state.current;
    });

  test('when all live workers hold the new key or no key', async () => {
    expect(await switchBeside({ keys: ['new', 'old'] }, false)).toBe('new');
    expect(await switchBeside({ keys: [] }, false)).toBe('new');
  });

  test('when only a dead worker lacks the new key', async () => {
    expect(await switchBeside({ keys: ['old'], heartbeat: '2020-01-01' }, false)).toBe('new');
  });

  test('by force only, when a live worker lacks the new key', async () => {
    expect(await switchBeside({ keys: ['old'] }, false)).toBe('HWCNF');
    expect(await switchBeside({ keys: ['old'] }, true)).toBe('new');
  });

  test('but not after a worker reports that it holds only the old key', async () => {
    await rolledBack(db.pool, async (client) => {
      const worker = randomUUID();
      await client.query(
        `select howdah_private.register_worker($1, 'pool', 'host', 7, 'test', 1)`,
        [worker],
      );
      await client.query('select howdah_private.report_master_keys($1, $2)', [worker, ['old']]);
      expect(
        await refusal(client.query(`select howdah_private.switch_master_key('new')`)),
      ).toMatchObject({ code: 'HWCNF' });
    });
  });
});
