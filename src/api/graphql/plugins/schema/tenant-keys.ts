import '../../environment.ts';
import 'postgraphile';

/**
 * Unique keys `(tenant_id, …)` exist for composite foreign keys, not for people: they give no accessors and no
 * mutations, and the column neither filters nor sorts, since it has one value for every caller. Other keys may have the
 * tenant behind its id, so that others' rows are not even looked at; what remains is as unique, since that id has but one tenant.
 */
export const TenantKeysPlugin: GraphileConfig.Plugin = {
  name: 'HowdahTenantKeysPlugin',
  version: '1.0.0',
  gather: {
    hooks: {
      pgIntrospection_introspection: {
        // which looks for what its tags refer to
        before: ['PgFakeConstraintsPlugin'],
        callback(_info, { introspection: { attributes, constraints } }) {
          const tenants = new Map(
            attributes
              .filter(({ attname }) => attname === 'tenant_id')
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
          callback: (behavior, [, unique]) =>
            unique.attributes.includes('tenant_id')
              ? [behavior, '-single', '-update', '-delete']
              : behavior,
        },
      },
      pgCodecAttribute: {
        inferred: {
          after: ['inferred'],
          provides: ['postInferred'],
          callback: (behavior, [, attributeName]) =>
            attributeName === 'tenant_id' ? [behavior, '-filterBy', '-orderBy'] : behavior,
        },
      },
    },
  },
};
