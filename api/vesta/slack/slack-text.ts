const ENTITIES: Readonly<Record<string, string>> = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };

/** A text of somebody else's as a part of Slack's text, in which it can be neither a mention nor a link nor an alarm for everybody. */
export function escapedForSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** What a person typed, from the text of an event: Slack makes links of what looks like one, as names of machines do. Mentions stay as they are: `<@U1>`. */
export function typedText(text: string): string {
  return text
    .replace(/<((?:https?|ftp|mailto|tel|slack):[^<>|]*)(?:\|([^<>]*))?>/g, (_, address: string, label?: string) =>
      label === undefined ? address.replace(/^mailto:/, "") : label,
    )
    .replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity] ?? entity);
}
