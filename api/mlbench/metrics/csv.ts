import { metricNumber } from "../../../store/metric-number.ts";
import { csvCell } from "../../csv-cell.ts";

/** The first line of a download (M-68). */
export const CSV_HEADER = "metric,date,value,cumulative\r\n";

/** One line of a download; spreadsheets must not take what somebody posted for a formula. */
export function csvRow({
  name,
  date,
  value,
  cumulative,
}: {
  name: string;
  date: string;
  value: string;
  cumulative: boolean;
}): string {
  return `${[name, date, value, String(cumulative)].map(cellOf).join(",")}\r\n`;
}

function cellOf(text: string): string {
  return csvCell(text, metricNumber(text) !== undefined);
}
