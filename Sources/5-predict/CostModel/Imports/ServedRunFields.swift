import Input

/// What the JSON of vLLM's and SGLang's benchmarks of a server says of a run beside its times, for whoever
/// reads one: what was served, by how many devices, and whether all of it was.
public struct ServedRunFields {
  private let fields: JSONObject

  public init(_ fields: JSONObject) { self.fields = fields }

  /// Requests that failed took time or did not, and their tokens are not counted: such a run's
  /// time is of nothing in particular.
  public func requireAllServed(completed: Int) throws {
    if let failed = try fields.int("failed"), failed != 0 {
      throw InputError("failed", problem: "is \(failed)", expected: "0: a run without failures")
    }
    if let asked = try fields.int("num_prompts"), asked != completed {
      throw InputError(
        "completed", problem: "is \(completed) of \(asked) requests",
        expected: "a run without failures")
    }
    let errors = (try fields.array("errors") ?? []).filter { $0 != .string("") && $0 != .null }
    guard errors.isEmpty else {
      throw InputError(
        "errors", problem: "\(errors.count) requests failed", expected: "a run without failures")
    }
  }

  /// Refuses a model whose name says that its weights are quantised, where nobody says how.
  public func requirePlainWeights() throws {
    guard let model = try fields.string("model_id") else { return }
    let words = model.lowercased().split { !$0.isLetter && !$0.isNumber }
    let marks: Set<Substring> = [
      "awq", "gptq", "fp8", "int8", "int4", "4bit", "8bit", "bnb", "w4a16", "w8a8", "w8a16",
      "nvfp4", "mxfp4", "gguf",
    ]
    guard let mark = words.first(where: marks.contains) else { return }
    throw InputError(
      "model_id", problem: "\"\(model.prefix(60))\" has quantised weights (\(mark))",
      expected: "16-bit weights, or dtype to be given with the file")
  }

  /// How many devices shared each layer: what `--metadata` or the server's arguments say, else the
  /// user. Other ways to use several devices are not modelled.
  ///
  /// - Throws: `InputError` where the two differ as well.
  public func tensorParallel(given: Int?) throws -> Int {
    for (what, names) in [
      ("pipeline_parallel_size", ["pipeline_parallel_size", "pp_size", "pp"]),
      ("data_parallel_size", ["data_parallel_size", "dp_size", "dp"]),
    ] {
      if let count = try devices(names), count > 1 {
        throw InputError(what, problem: "is \(count)", expected: "1: it is not modelled")
      }
    }
    let said = try devices(["tensor_parallel_size", "tp_size", "tp"])
    if let said, let given, said != given {
      throw InputError(
        "tensor_parallel_size", problem: "is \(said)", expected: "\(given), as given")
    }
    return said ?? given ?? 1
  }

  private func devices(_ names: [String]) throws -> Int? {
    for name in names {
      guard let value = fields[name] else { continue }
      let count: Int? =
        switch value {
        case .integer(let count): count
        case .string(let text): Int(text)  // metadata are texts
        default: nil
        }
      guard let count, (1...1024).contains(count) else {
        throw InputError(name, problem: "is \(value.kind)", expected: "1 to 1024 devices")
      }
      return count
    }
    return nil
  }
}
