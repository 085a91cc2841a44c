/** A version of a row. */
export type Version = {
  version: number;
  labels: string[];
  created_by: string;
  created_at: string;
};
