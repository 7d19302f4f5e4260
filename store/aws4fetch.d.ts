/** The part of the signing library that is used here. */
declare module "aws4fetch" {
  export class AwsClient {
    constructor(options: {
      accessKeyId: string;
      secretAccessKey: string;
      service: string;
      region: string;
      /** Times that it asks again by itself. */
      retries: number;
    });
    /** As the global `fetch`, with the request signed. */
    fetch(url: string, init: RequestInit): Promise<Response>;
  }
}
