// timeout: 900
import { tellClientStory } from "./client-story.ts";

await tellClientStory({ name: "odin-api-0.7.6", knowsScheme: true, sendsContext: true, asksForLogs: true });
