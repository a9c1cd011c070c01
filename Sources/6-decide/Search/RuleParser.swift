import Input

/// Reads rules by recursive descent:
///
/// ```
/// condition  = conjunction { "or" conjunction }
/// conjunction = negation { "and" negation }
/// negation   = "not" negation | "(" condition ")" | comparison
/// comparison = sum ("<=" | ">=" | "==" | "!=" | "<" | ">") sum
/// sum        = product { ("+" | "-") product }
/// product    = factor { ("*" | "/" | "%") factor }
/// factor     = "-" factor | number | variable | "(" sum ")"
/// ```
///
/// Foundation's predicates cannot read strings outside Apple's systems.
struct RuleParser {
  private typealias Condition = RuleExpression.Condition
  private typealias Quantity = RuleExpression.Quantity

  private enum Token: Equatable {
    case number(Double)
    case word(String)
    case symbol(String)
    case end

    var text: String {
      switch self {
      case .number(let value): "\(value)"
      case .word(let text), .symbol(let text): "\"\(text.prefix(40))\""
      case .end: "the end"
      }
    }
  }

  /// Longer or deeper rules are mistakes, and would exhaust the stack.
  private static let longest = 1000
  private static let deepest = 50

  private var tokens: [(token: Token, column: Int)] = []
  private var position = 0
  private var depth = 0

  static func parse(_ text: String) throws -> RuleExpression.Condition {
    try within("rule \"\(text.prefix(80))\"") {
      guard text.count <= longest else {
        throw InputError(
          problem: "has \(text.count) characters", expected: "at most \(longest)")
      }
      var parser = RuleParser()
      try parser.scan(text)
      let condition = try parser.condition()
      guard parser.next == .end else {
        throw parser.unexpected("and, or, or the end of the rule")
      }
      return condition
    }
  }

  // MARK: Tokens

  private mutating func scan(_ text: String) throws {
    let characters = Array(text)
    var index = 0
    func take(while condition: (Character) -> Bool) -> String {
      let start = index
      while index < characters.count, condition(characters[index]) { index += 1 }
      return String(characters[start..<index])
    }
    while index < characters.count {
      let column = index + 1
      let character = characters[index]
      if character.isWhitespace {
        index += 1
      } else if character.isASCII, character.isNumber || character == "." {
        var digits = take { $0.isASCII && ($0.isNumber || $0 == ".") }
        // An exponent, where digits follow it.
        if index + 1 < characters.count, "eE".contains(characters[index]),
          characters[index + 1].isASCII, characters[index + 1].isNumber
        {
          index += 1
          digits += "e" + take { $0.isASCII && $0.isNumber }
        }
        guard let value = Double(digits), value.isFinite else {
          throw InputError(
            "column \(column)", problem: "\"\(digits.prefix(40))\" is no number",
            expected: "a number such as 4 or 0.5")
        }
        tokens.append((.number(value), column))
      } else if character.isASCII, character.isLetter || character == "_" {
        let word = take { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        tokens.append((.word(word), column))
      } else {
        let pair = String(characters[index..<min(characters.count, index + 2)])
        let symbols = ["<=", ">=", "==", "!="]
        let symbol = symbols.contains(pair) ? pair : String(character)
        guard symbols.contains(symbol) || "<>+-*/%()".contains(symbol) else {
          throw InputError(
            "column \(column)", problem: "\"\(symbol)\" has no meaning here",
            expected: "sizes, numbers, + - * / %, comparisons, and, or, not")
        }
        index += symbol.count
        tokens.append((.symbol(symbol), column))
      }
    }
    tokens.append((.end, characters.count + 1))
  }

  private var next: Token { tokens[position].token }

  private mutating func accept(_ token: Token) -> Bool {
    guard next == token else { return false }
    position += 1
    return true
  }

  private func unexpected(_ expected: String) -> InputError {
    InputError(
      "column \(tokens[position].column)", problem: "\(next.text) was found", expected: expected)
  }

  private mutating func nested<Result>(
    _ body: (inout RuleParser) throws -> Result
  ) throws -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else {
      throw InputError(
        "column \(tokens[position].column)",
        problem: "is nested more than \(Self.deepest) deep", expected: "a simpler rule")
    }
    return try body(&self)
  }

  // MARK: Conditions

  private mutating func condition() throws -> Condition {
    try nested { parser in
      var result = try parser.conjunction()
      while parser.accept(.word("or")) { result = .or(result, try parser.conjunction()) }
      return result
    }
  }

  private mutating func conjunction() throws -> Condition {
    var result = try negation()
    while accept(.word("and")) { result = .and(result, try negation()) }
    return result
  }

  private mutating func negation() throws -> Condition {
    if accept(.word("not")) { return .not(try nested { try $0.negation() }) }
    guard next == .symbol("(") else { return try comparison() }
    guard !opensQuantity else { return try comparison() }
    position += 1
    let result = try condition()
    guard accept(.symbol(")")) else { throw unexpected("a closing parenthesis") }
    return result
  }

  /// Whether the parenthesis here holds a quantity: then an operation or a comparison follows it.
  private var opensQuantity: Bool {
    var open = 0
    for index in position..<tokens.count {
      switch tokens[index].token {
      case .symbol("("): open += 1
      case .symbol(")"):
        open -= 1
        guard open == 0 else { continue }
        guard case .symbol(let symbol) = tokens[index + 1].token else { return false }
        return symbol != ")"
      default: continue
      }
    }
    return false
  }

  private mutating func comparison() throws -> Condition {
    let left = try sum()
    guard case .symbol(let symbol) = next,
      let comparison = RuleExpression.Comparison(rawValue: symbol)
    else { throw unexpected("a comparison: <=, >=, <, >, == or !=") }
    position += 1
    return .comparison(comparison, left, try sum())
  }

  // MARK: Quantities

  private mutating func sum() throws -> Quantity {
    try nested { parser in
      var result = try parser.product()
      while let operation = parser.operation(["+", "-"]) {
        result = .operation(operation, result, try parser.product())
      }
      return result
    }
  }

  private mutating func product() throws -> Quantity {
    var result = try factor()
    while let operation = operation(["*", "/", "%"]) {
      result = .operation(operation, result, try factor())
    }
    return result
  }

  private mutating func operation(_ symbols: [String]) -> RuleExpression.Arithmetic? {
    guard case .symbol(let symbol) = next, symbols.contains(symbol) else { return nil }
    position += 1
    return RuleExpression.Arithmetic(rawValue: Character(symbol))
  }

  private mutating func factor() throws -> Quantity {
    switch next {
    case .number(let value):
      position += 1
      return .number(value)
    case .word(let word):
      guard let variable = RuleVariable(rawValue: word) else {
        let names = RuleVariable.allCases.map(\.rawValue)
        throw unexpected(
          NearMiss.of(word, in: names).map { "\($0)?" }
            ?? "one of " + names.joined(separator: ", "))
      }
      position += 1
      return .variable(variable)
    case .symbol("-"):
      position += 1
      return .negated(try nested { try $0.factor() })
    case .symbol("("):
      position += 1
      let result = try sum()
      guard accept(.symbol(")")) else { throw unexpected("a closing parenthesis") }
      return result
    default: throw unexpected("a size, a number or a parenthesis")
    }
  }
}
