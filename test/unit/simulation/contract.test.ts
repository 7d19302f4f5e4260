import { suite } from "uvu";
import { CONTRACT } from "../../simulation/contract/contract.ts";
import { checkSimulated } from "../../simulation/contract/simulated-ground.ts";

const contract = suite("contract of the simulated API server");
for (const promised of CONTRACT) contract(promised.title, () => checkSimulated(promised));
contract.run();
