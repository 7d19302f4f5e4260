/** What an alert does with some series. */
export interface AlertCase {
  alert: string;
  /** What happens, completing "fires when" or "is silent when". */
  when: string;
  /** Values by series, a minute apart, in promtool's notation. */
  series: Record<string, string>;
  /** When it is looked at, such as `30m`. */
  at: string;
  /** Labels of the alerts that fire, without name and severity; empty: none. */
  fires: Record<string, string>[];
}
