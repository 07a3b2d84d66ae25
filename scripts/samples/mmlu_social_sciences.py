"""MMLU's sample: geography and econometrics."""

from samples.shapes import MmluSplits

SOCIAL_SCIENCES: dict[str, MmluSplits] = {
    "high_school_geography": {
        "dev": [
            (
                "Which of these countries has land on two continents?",
                "Türkiye",
                "Norway",
                "Paraguay",
                "Nepal",
                "A",
            ),
            (
                (
                    "On a map with the scale 1:50,000 two villages are 6 cm apart. How far apart "
                    "are they in reality?"
                ),
                "0.3 km",
                "3 km",
                "30 km",
                "12 km",
                "B",
            ),
            (
                "Which of these countries has no coast?",
                "Côte d'Ivoire",
                "Uruguay",
                "Vietnam",
                "Bolivia",
                "D",
            ),
            (
                (
                    "Loosely built suburbs that depend on cars spread ever further into the "
                    "farmland around a city. Geographers call this"
                ),
                "gentrification",
                "chain migration",
                "urban sprawl",
                "desertification",
                "C",
            ),
            (
                (
                    "Winters on the coast of Norway are much milder than at the same latitude in "
                    "eastern Canada, chiefly because of"
                ),
                "longer days in winter",
                "volcanic soils",
                "the lower altitude",
                "the North Atlantic Drift and winds from the west",
                "D",
            ),
        ],
        "test": [
            (
                (
                    "In one year a country without migration has 30 births and 10 deaths per "
                    "1,000 people. By how much does its population grow?"
                ),
                "0.2%",
                "2%",
                "20%",
                "3%",
                "B",
            ),
            (
                "Which circle of latitude crosses Ecuador, Kenya and Indonesia?",
                "The Tropic of Cancer",
                "The Tropic of Capricorn",
                "The Equator",
                "The Arctic Circle",
                "C",
            ),
            (
                "Why do farmers in hilly regions build terraces?",
                "To hold soil and water on steep slopes",
                "To keep wild animals away",
                "To shorten the growing season",
                "To raise the salt content of the soil",
                "A",
            ),
            (
                "What do São Paulo, Lagos and Mumbai have in common?",
                "Each is a national capital",
                "Each lies north of the Tropic of Cancer",
                "Each has fewer than a million inhabitants",
                "Each is a huge city, but not its country's capital",
                "D",
            ),
            (
                "The demographic transition model expects a population to grow fastest while",
                "birth and death rates are both high",
                "birth and death rates are both low",
                "death rates have fallen and birth rates are still high",
                "birth rates have fallen below death rates",
                "C",
            ),
            (
                "Which river is paired with the sea into which it flows?",
                "Danube, Baltic Sea",
                "Nile, Red Sea",
                "Volga, Black Sea",
                "Rhine, North Sea",
                "D",
            ),
        ],
    },
    "econometrics": {
        "dev": [
            (
                (
                    "Least squares gives the line y = 3 + 2x. By how much does the predicted y "
                    "rise when x rises by 4?"
                ),
                "2",
                "11",
                "8",
                "14",
                "C",
            ),
            (
                (
                    "A variable that affects the outcome and is correlated with the one "
                    "regressor is left out. The OLS estimator of the regressor's slope is then"
                ),
                "biased and inconsistent",
                "unbiased but inefficient",
                "unbiased and consistent",
                "biased but consistent",
                "A",
            ),
            (
                "Heteroskedasticity means that the error term",
                "has a mean other than zero",
                "has a variance that differs between observations",
                "is correlated with its own past",
                "is normally distributed",
                "B",
            ),
            (
                (
                    "A regression with a constant has a total sum of squares of 80 and a "
                    "residual sum of squares of 20. How large is its R²?"
                ),
                "0.20",
                "0.25",
                "0.60",
                "0.75",
                "D",
            ),
            (
                (
                    "Let u(t) be white noise. Which of these equations has a stationary "
                    "solution that is made of present and past noise?"
                ),
                "y(t) = 0.6 y(t−1) + u(t)",
                "y(t) = y(t−1) + u(t)",
                "y(t) = 0.2 + y(t−1) + u(t)",
                "y(t) = 1.3 y(t−1) + u(t)",
                "A",
            ),
        ],
        "test": [
            (
                (
                    "A coefficient is estimated as 1.2 with a standard error of 0.4. What is the "
                    "t-ratio of the hypothesis that it is zero?"
                ),
                "0.33",
                "0.48",
                "1.6",
                "3.0",
                "D",
            ),
            (
                (
                    "A regression on quarterly data contains a constant and a dummy for each of "
                    "the four quarters. What is wrong with it?"
                ),
                "Its residuals must be autocorrelated",
                "Its slopes are biased towards zero",
                "Its regressors are perfectly collinear",
                "Its errors cannot have a mean of zero",
                "C",
            ),
            (
                "What makes a variable a valid instrument for an endogenous regressor?",
                "It is correlated with the regressor and with the error",
                "It is correlated with the regressor but not with the error",
                "It is correlated with neither of them",
                "It is correlated with the error but not with the regressor",
                "B",
            ),
            (
                (
                    "In the fitted model log(wage) = 0.5 + 0.08 years, with the natural "
                    "logarithm, one more year goes with a wage that is about"
                ),
                "8% higher",
                "0.08% higher",
                "0.08 units higher",
                "8 units higher",
                "A",
            ),
            (
                (
                    "The Durbin-Watson statistic of a regression is 2.0. What does that suggest "
                    "about its residuals?"
                ),
                "No first-order autocorrelation",
                "Strong positive first-order autocorrelation",
                "Strong negative first-order autocorrelation",
                "A unit root",
                "A",
            ),
            (
                (
                    "The significance level of a test is lowered from 5% to 1%; the sample stays "
                    "the same. What happens to the probabilities of error?"
                ),
                "Both kinds become less likely",
                "Type I errors become less likely, type II errors more likely",
                "Type I errors become more likely, type II errors less likely",
                "Both kinds become more likely",
                "B",
            ),
        ],
    },
}
