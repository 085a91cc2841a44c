/** A value that is loaded with its first use. */
export type Lazy<T> = {
  /** Loads the value with the first call. Rejects if the load fails; the next call loads again. */
  get(): Promise<T>;
  /** Resolves with undefined when nothing was loaded or the load failed. Never rejects. */
  ifLoaded(): Promise<T | undefined>;
};

/** Returns a value that `load` creates once. A load may fail for a moment, as with `EMFILE`. */
export function lazy<T>(load: () => Promise<T>): Lazy<T> {
  let loading: Promise<T> | undefined;
  return {
    get() {
      if (!loading) {
        const mine = load();
        loading = mine;
        mine.catch(() => {
          if (loading === mine) loading = undefined;
        });
      }
      return loading;
    },
    ifLoaded: async () => loading?.catch(() => undefined),
  };
}
