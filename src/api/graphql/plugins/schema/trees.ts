import '../../environment.ts';
import 'postgraphile';

/**
 * `tree` of a run is the tree it belongs to, of whichever of its runs it is asked. The view names the root of each run, and
 * the key of the relation would find that of roots alone.
 */
export const TreesPlugin: GraphileConfig.Plugin = {
  name: 'HowdahTreesPlugin',
  version: '1.0.0',
  gather: {
    hooks: {
      pgRelations_relation(_info, { relation, pgConstraint }) {
        if (relation.isReferencee && pgConstraint.getClass()?.relname === 'execution_tree') {
          relation.localAttributes = ['root_execution_id'];
        }
      },
    },
  },
};
