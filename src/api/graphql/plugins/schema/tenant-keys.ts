import '../../environment.ts';
import 'postgraphile';
import { isOwn, isOwnTable } from './user-schemas-plugin.ts';

/**
 * Hides unique keys `(tenant_id, …)`. They exist for composite foreign keys, not for people, so
 * they give no accessors and no mutations. The column neither filters nor sorts, since it has one
 * value for every caller. Other keys may have the tenant after its id, so that rows of others are
 * not even read. Without the tenant such a key is just as unique, since that id has only one
 * tenant.
 */
export const TenantKeysPlugin: GraphileConfig.Plugin = {
  name: 'HowdahTenantKeysPlugin',
  version: '1.0.0',
  gather: {
    hooks: {
      pgIntrospection_introspection: {
        // that plugin looks up what its tags refer to
        before: ['PgFakeConstraintsPlugin'],
        callback(_info, { introspection: { attributes, constraints } }) {
          const tenants = new Map(
            attributes
              .filter((one) => one.attname === 'tenant_id' && isOwnTable(one.getClass()))
              .map(({ attrelid, attnum }) => [attrelid, attnum]),
          );
          for (const constraint of constraints) {
            const { contype, conrelid, conkey } = constraint;
            const tenant = tenants.get(conrelid);
            if ((contype === 'p' || contype === 'u') && conkey && conkey[0] !== tenant) {
              constraint.conkey = conkey.filter((attnum) => attnum !== tenant);
            }
          }
        },
      },
    },
  },
  schema: {
    entityBehavior: {
      pgResourceUnique: {
        inferred: {
          after: ['inferred'],
          provides: ['postInferred'],
          callback: (behavior, [resource, unique]) =>
            isOwn(resource) && unique.attributes.includes('tenant_id')
              ? [behavior, '-single', '-update', '-delete']
              : behavior,
        },
      },
      pgCodecAttribute: {
        inferred: {
          after: ['inferred'],
          provides: ['postInferred'],
          callback: (behavior, [codec, attributeName]) =>
            isOwn(codec) && attributeName === 'tenant_id'
              ? [behavior, '-filterBy', '-orderBy']
              : behavior,
        },
      },
    },
  },
};
