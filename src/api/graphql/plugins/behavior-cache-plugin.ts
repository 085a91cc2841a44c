import '../environment.ts';
import 'postgraphile';

type Behavior = GraphileBuild.Build['behavior'];

/**
 * Caches whether the behavior of a table, column or relation covers a filter. Building the schema
 * makes a hundred thousand such checks. graphile-build splits the whole list of behaviors each
 * time, which takes nearly half of a start. The result depends on that list and the filter alone,
 * and few lists differ. So results are cached for as long as the schema is built.
 */
export const BehaviorCachePlugin: GraphileConfig.Plugin = {
  name: 'HowdahRememberedBehaviorPlugin',
  version: '1.0.0',
  schema: {
    // called once, when all entities are known and before the first check
    globalBehavior(behavior, { behavior: behaviors }) {
      const { entityMatches, getPreferencesAppliedBehaviors: apply } = behaviors;
      const matches = createAnswerCache<boolean | undefined>();
      behaviors.entityMatches = (type, entity, filter) =>
        matches(
          `${type} ${filter}`,
          behaviors.getBehaviorForEntity(type, entity).behaviorString,
          () => entityMatches.call(behaviors, type, entity, filter),
        );
      // The result also says where each word of the list is from, here for the first caller with
      // that list. Only messages read this.
      const applied = createAnswerCache<ReturnType<Behavior['getBehaviorForEntity']>>();
      behaviors.getPreferencesAppliedBehaviors = (type, inferred, override) =>
        applied(`${type} ${override.behaviorString}`, inferred.behaviorString, () =>
          apply.call(behaviors, type, inferred, override),
        );
      return [behavior];
    },
  },
};

function createAnswerCache<T>() {
  const known = new Map<string, Map<string, T>>();
  return (question: string, list: string, answer: () => T): T => {
    const answers = known.get(question) ?? new Map<string, T>();
    known.set(question, answers);
    if (!answers.has(list)) answers.set(list, answer());
    return answers.get(list) as T;
  };
}
