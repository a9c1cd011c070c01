import Input

/// Habits of other tools that the parser would refuse without a word of what to do instead.
enum ForeignArguments {
  /// - Parameter commands: the names of all commands.
  /// - Throws: `InputError` for a command that is none, and for a text where tokens are read.
  static func check(_ arguments: [String], commands: [String]) throws {
    guard let command = arguments.first, !command.hasPrefix("-") else { return }
    guard commands.contains(command) else {
      throw InputError(
        command, problem: "is no command of dyno", expected: expected(for: command, commands))
    }
    if command == "quality" { try requireTokens(arguments) }
  }

  private static func expected(for word: String, _ commands: [String]) -> String {
    let longer = commands.first { $0.count > 2 && word.hasPrefix($0) }
    if let meant = longer ?? NearMiss.of(word, in: commands) { return "\(meant)?" }
    return "one of " + commands.joined(separator: ", ")
  }

  /// `llama-perplexity -f text.txt` reads a text.
  private static func requireTokens(_ arguments: [String]) throws {
    for argument in arguments {
      guard ["-f", "--file", "--text"].contains(argument) else { continue }
      throw InputError(
        argument, problem: "names a text, and Dyno has no tokenizer",
        expected: "--tokens FILE, which benchmarks/quality/tokenize_text.py makes of a text")
    }
  }
}
