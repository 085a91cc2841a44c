import '../../environment.ts';
import 'postgraphile';
import { TYPES } from 'postgraphile/@dataplan/pg';

/**
 * Maps domains over uuid to plain UUID. The check of a domain is for inserts. A query for an
 * execution by an id that is not v7 finds nothing, as for any other id, instead of failing in a
 * cast.
 */
export const UuidDomainsPlugin: GraphileConfig.Plugin = {
  name: 'HowdahUuidDomainsPlugin',
  version: '1.0.0',
  gather: {
    hooks: {
      pgCodecs_attribute(_info, { attribute }) {
        if (attribute.codec.domainOfCodec === TYPES.uuid) {
          attribute.codec = TYPES.uuid;
        }
      },
    },
  },
};
