// timeout: 900
import { tellClientStory } from "./client-story.ts";

await tellClientStory({ name: "odin-ml-0.6.4", knowsScheme: true, sendsContext: true, asksForLogs: false });
