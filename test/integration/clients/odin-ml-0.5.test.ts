// timeout: 900
import { tellClientStory } from "./client-story.ts";

await tellClientStory({ name: "odin-ml-0.5.8", knowsScheme: false, sendsContext: false, asksForLogs: false });
