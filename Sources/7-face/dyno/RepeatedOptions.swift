import ArgumentParser
import Input

/// The parser takes the last value of an option that is given twice. Whoever types
/// `--batch 1 --batch 64` means both.
enum RepeatedOptions {
  /// - Throws: `InputError` that names an option which takes one value and is given several times.
  static func check(_ arguments: [String], of command: any ParsableCommand.Type) throws {
    // Behind `--` come another command's.
    let typed = arguments.prefix { $0 != "--" }.filter { $0.hasPrefix("-") }
      .map { String($0.prefix { $0 != "=" }) }
    guard typed.count > 1 else { return }
    for option in command.listedOptions where option.kind == "option" && !option.isRepeating {
      let names = option.names.map(\.typed)
      let given = typed.filter(names.contains)
      guard given.count > 1 else { continue }
      throw InputError(
        given[0], problem: "is given \(given.count == 2 ? "twice" : "\(given.count) times")",
        expected: "one value, with commas in it where several are meant")
    }
  }
}
