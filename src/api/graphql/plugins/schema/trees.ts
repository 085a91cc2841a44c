import '../../environment.ts';
import 'postgraphile';

/**
 * Makes `tree` of every run return the tree that the run belongs to. The view has the root of each
 * run. By the key of the relation, only roots would find their tree.
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
