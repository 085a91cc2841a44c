import '../environment.ts';
import 'postgraphile';

type Behavior = GraphileBuild.Build['behavior'];

/**
 * Building the schema asks a hundred thousand times whether what a table, column or relation may do covers something, and
 * graphile-build splits the whole list of what it may do each time: nearly half of a start. The answers depend on that list and
 * the question alone, and few lists differ. Here they are remembered for as long as the schema is built.
 */
export const BehaviorCachePlugin: GraphileConfig.Plugin = {
  name: 'HowdahRememberedBehaviorPlugin',
  version: '1.0.0',
  schema: {
    // asked once, when all entities are known and before the first question
    globalBehavior(behavior, { behavior: asked }) {
      const { entityMatches, getPreferencesAppliedBehaviors: apply } = asked;
      const matches = remembered<boolean | undefined>();
      asked.entityMatches = (type, entity, filter) =>
        matches(`${type} ${filter}`, asked.getBehaviorForEntity(type, entity).behaviorString, () =>
          entityMatches.call(asked, type, entity, filter),
        );
      // beside the list it says where each word is from, here of the first one that had it; nothing but messages reads that
      const applied = remembered<ReturnType<Behavior['getBehaviorForEntity']>>();
      asked.getPreferencesAppliedBehaviors = (type, inferred, override) =>
        applied(`${type} ${override.behaviorString}`, inferred.behaviorString, () =>
          apply.call(asked, type, inferred, override),
        );
      return [behavior];
    },
  },
};

function remembered<T>() {
  const known = new Map<string, Map<string, T>>();
  return (question: string, list: string, answer: () => T): T => {
    const answers = known.get(question) ?? new Map<string, T>();
    known.set(question, answers);
    if (!answers.has(list)) answers.set(list, answer());
    return answers.get(list) as T;
  };
}
