/** An operation of GraphQL with the types of its variables and its result. */
export type Operation<Result, Variables> = {
  name: string;
  text: string;
  /** Never set: these carry the types. */
  result?: Result;
  variables?: Variables;
};
