/** The result of a check of `howdah doctor`. */
export type Finding = {
  check: string;
  ok: boolean;
  found: string;
  fix?: string;
  tenant?: string;
  rows?: number;
  broken_at?: number;
  fault?: string;
};
