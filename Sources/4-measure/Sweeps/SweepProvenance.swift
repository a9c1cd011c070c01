import Input
import Records
import Store

extension SweepSpec {
  /// What a store keeps of a run of this sweep: how to do it again.
  public func run(shard: Shard, on site: MeasuringSite) throws -> StoredRun {
    StoredRun(
      command: "sweep",
      details: try RecordText.encode(
        [
          "specification": JSONValue.string(text), "seed": .string("\(seed)"),
          "shard": .string(shard.description), "host": .object(site.host),
          "build": .object(site.build),
        ]))
  }
}
