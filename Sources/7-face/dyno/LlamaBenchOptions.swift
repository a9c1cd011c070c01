import Input

/// The options of `llama-bench` that `dyno bench` spells in another way or does not have: who types
/// them by habit is understood, or told what there is instead.
enum LlamaBenchOptions {
  /// Those without a counterpart, and what would be right.
  private static let others: [String: String] = [
    "-ngl": "bench without it: GPUs are predicted (dyno predict)",
    "-sm": "bench without it: no GPU runs here",
    "-mg": "bench without it: no GPU runs here",
    "-ts": "bench without it: no GPU runs here",
    "-nkvo": "bench without it: no GPU runs here",
    "-fa": "bench without it",
    "-mmp": "bench without it",
  ]

  /// The arguments of `bench` in its own spelling; those of other commands as they are.
  ///
  /// - Throws: `InputError` for options without a counterpart.
  static func translated(_ arguments: [String]) throws -> [String] {
    guard arguments.first == "bench" else { return arguments }
    var translated: [String] = []
    var chunk: String?
    var keys: String?
    var values: String?
    var index = 0
    while index < arguments.count, arguments[index] != "--" {
      let argument = arguments[index]
      if argument == "-ngl", index + 1 < arguments.count, arguments[index + 1] == "0" {
        index += 2  // No layer on a GPU: what happens here anyway.
        continue
      }
      if let expected = others[argument] {
        throw InputError(argument, problem: "has no counterpart here", expected: expected)
      }
      guard ["-ub", "-ctk", "-ctv"].contains(argument) else {
        translated.append(argument)
        index += 1
        continue
      }
      guard index + 1 < arguments.count else {
        throw InputError(
          argument, problem: "has no value", expected: "one, as llama-bench takes it")
      }
      let value = arguments[index + 1]
      switch argument {
      case "-ub": chunk = value
      case "-ctk": keys = value
      default: values = value
      }
      index += 2
    }
    try requireKnownOutput(translated)
    // A step has -ub tokens, whatever -b.
    if let chunk {
      if let place = translated.firstIndex(of: "-b") {
        translated.removeSubrange(place..<min(place + 2, translated.count))
      }
      translated += ["--chunk", chunk]
    }
    if let type = try cacheType(keys, values) { translated += ["--cache-dtype", type] }
    return translated + Array(arguments[index...])
  }

  private static func cacheType(_ keys: String?, _ values: String?) throws -> String? {
    let expected = "-ctk and -ctv of one type: keys and values are stored alike here"
    switch (keys, values) {
    case (nil, nil):
      return nil
    case (.some, nil):
      throw InputError("-ctk", problem: "is given without -ctv", expected: expected)
    case (nil, .some):
      throw InputError("-ctv", problem: "is given without -ctk", expected: expected)
    case (.some(let keys), .some(let values)):
      guard keys == values else {
        throw InputError("-ctk, -ctv", problem: "are \(keys) and \(values)", expected: expected)
      }
      return keys
    }
  }

  /// Refuses the outputs that only `dyno results` writes.
  private static func requireKnownOutput(_ arguments: [String]) throws {
    for (option, value) in zip(arguments, arguments.dropFirst()) {
      guard option == "-o" || option == "--output", value == "csv" || value == "sql" else {
        continue
      }
      throw InputError(
        option, problem: "is \(value), which bench does not write",
        expected: "--store FILE, then dyno results FILE --output csv")
    }
  }
}
