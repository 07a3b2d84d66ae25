"""MMLU's sample: philosophy, world religions and world history."""

from samples.shapes import MmluSplits

HUMANITIES: dict[str, MmluSplits] = {
    "philosophy": {
        "dev": [
            (
                'Descartes holds his "cogito" to be beyond doubt because',
                "the senses never deceive us",
                "even doubting it shows that one is thinking",
                "it follows from the laws of motion",
                "all learned people agree with it",
                "B",
            ),
            (
                (
                    'Who proposed to choose the rules of a just society from behind a "veil of '
                    'ignorance"?'
                ),
                "Robert Nozick",
                "David Hume",
                "John Rawls",
                "Thomas Hobbes",
                "C",
            ),
            (
                (
                    '"If it rains, the street gets wet. The street is wet. So it has rained." '
                    "This argument"
                ),
                "affirms the consequent and is invalid",
                "denies the antecedent and is invalid",
                "is a valid modus ponens",
                "is a valid modus tollens",
                "A",
            ),
            (
                (
                    "In Le Deuxième Sexe, Simone de Beauvoir writes that one is not born a woman "
                    "but becomes one. Her target is"
                ),
                "the existence of other minds",
                "the belief in free will",
                "the equality of citizens",
                "the view that womanhood is a fixed nature",
                "D",
            ),
            (
                "For a utilitarian such as Bentham, whether an act is right depends on",
                "the pleasure and pain that it brings about",
                "the goodness of the agent's will alone",
                "its agreement with divine commands",
                "its agreement with custom",
                "A",
            ),
        ],
        "test": [
            (
                "What do the shadows on the wall of Plato's cave stand for?",
                "The Forms themselves",
                "The sun",
                "What people who trust their senses alone take for reality",
                "The immortal soul of the philosopher",
                "C",
            ),
            (
                "Hume argued that, however closely we look, we never perceive",
                "resemblance between two things",
                "a necessary connection between cause and effect",
                "colours",
                "one event following another",
                "B",
            ),
            (
                "One version of Kant's categorical imperative forbids us to treat persons",
                "as ends in themselves",
                "with respect",
                "as rational beings",
                "merely as means",
                "D",
            ),
            (
                "Aristotle calls courage a mean between two extremes. Which two?",
                "Cowardice and rashness",
                "Stinginess and wastefulness",
                "Irritability and indifference",
                "Vanity and false modesty",
                "A",
            ),
            (
                (
                    "Over the years every plank of a ship is replaced, one at a time. Asking "
                    "whether it is still the same ship raises a problem about"
                ),
                "identity over time",
                "the existence of God",
                "freedom of speech",
                "the meaning of moral words",
                "A",
            ),
            (
                (
                    "  According to the logical positivists, a sentence that is neither analytic "
                    "nor testable by experience is "
                ),
                "necessarily true",
                "without cognitive meaning",
                "probably false",
                "a law of nature",
                "B",
            ),
        ],
    },
    "world_religions": {
        "dev": [
            (
                "During which month do Muslims who are able to do so fast from dawn to sunset?",
                "Rajab",
                "Shawwal",
                "Muharram",
                "Ramadan",
                "D",
            ),
            (
                "To which tradition do the Four Noble Truths belong?",
                "Jainism",
                "Buddhism",
                "Shintō",
                "Sikhism",
                "B",
            ),
            (
                "The Torah scroll in a synagogue holds five books. Which of them comes first?",
                "Exodus",
                "Leviticus",
                "Genesis",
                "Numbers",
                "C",
            ),
            (
                "Which river do many Hindus revere as a goddess and bathe in at Varanasi?",
                "Ganges",
                "Indus",
                "Krishna",
                "Brahmaputra",
                "A",
            ),
            (
                "Who or what holds the title of Guru among Sikhs today?",
                "The mayor of Amritsar",
                "A book, the Guru Granth Sahib",
                "The oldest living Sikh",
                "A council of ten elders",
                "B",
            ),
        ],
        "test": [
            (
                "Which festival recalls how the Israelites left Egypt?",
                "Pesach (Passover)",
                "Purim",
                "Hanukkah",
                "Yom Kippur",
                "A",
            ),
            (
                "What do Christians commemorate at Pentecost?",
                "The birth of Jesus",
                "The visit of the Magi",
                "The Last Supper",
                "The coming of the Holy Spirit upon the apostles",
                "D",
            ),
            (
                "A torii, the gate in front of many Japanese shrines, marks the way into",
                "a burial ground",
                "the home of the priest",
                "a sacred place of the kami",
                "a hall for Zen meditation",
                "C",
            ),
            (
                "Tradition names which sage as the author of the Dào Dé Jīng?",
                "Confucius",
                "Lǎozǐ",
                "Mencius",
                "Zhu Xi",
                "B",
            ),
            (
                "Which custom is most typical of Jain monks and nuns?",
                "Sacrificing animals in a fire",
                "Drinking wine at the altar",
                "Sweeping the path before them so that no small creature is harmed",
                "Fasting on Fridays only",
                "C",
            ),
            (
                "Which of these cities is holy to Jews, Christians and Muslims alike?",
                "Medina",
                "Bodh Gaya",
                "Amritsar",
                "Jerusalem",
                "D",
            ),
        ],
    },
    "high_school_world_history": {
        "dev": [
            (
                (
                    "This question refers to an invented letter.\n\n"
                    "\"We left Chang'an with forty camels and many bolts of silk. At Samarkand "
                    'half of the load was exchanged for glass and silver."\n\n'
                    "The merchant who wrote it was travelling along the"
                ),
                "trans-Saharan routes",
                "routes of the Hanseatic League",
                "Silk Road",
                "Amber Road",
                "C",
            ),
            (
                (
                    "Which technique from Johannes Gutenberg's workshop in Mainz made books far "
                    "cheaper in Europe?"
                ),
                "Making paper out of rags",
                "The steam-driven press",
                "Grinding lenses",
                "Printing with movable metal type",
                "D",
            ),
            (
                "Toussaint Louverture led a revolution in",
                "Mexico",
                "Saint-Domingue, today's Haiti",
                "Brazil",
                "Peru",
                "B",
            ),
            (
                "Which of these events happened first?",
                "The Ottomans take Constantinople",
                "Vasco da Gama sails to India",
                "Luther publishes his Ninety-five Theses",
                "The Spanish Armada is defeated",
                "A",
            ),
            (
                "In the decades after the Meiji Restoration of 1868, Japan",
                "closed its ports to all foreigners",
                "became a colony of the Netherlands",
                "modernized its army, schools and industry",
                "did away with its emperor",
                "C",
            ),
        ],
        "test": [
            (
                "Why was Mansa Musa's pilgrimage to Mecca in 1324 talked about for generations?",
                "He was shipwrecked on the way",
                "He conquered Cairo",
                "He founded Mecca",
                "He spent and gave away enormous amounts of gold",
                "D",
            ),
            (
                "Which two powers fought each other in the Punic Wars?",
                "Rome and Carthage",
                "Athens and Sparta",
                "Persia and Egypt",
                "Rome and Parthia",
                "A",
            ),
            (
                (
                    "This question refers to an invented diary of 1832.\n\n"
                    '"The bell rings at five. My sister, who is nine, ties broken threads under '
                    'the moving machine until it is dark."\n\n'
                    "Reformers in Britain used accounts of this kind to call for"
                ),
                "higher tariffs on cotton",
                "laws against the exploitation of children in factories",
                "the building of canals",
                "the abolition of the guilds",
                "B",
            ),
            (
                "What did the Berlin Conference of 1884 and 1885 regulate?",
                "The unification of Germany",
                "The peace after the Crimean War",
                "The European partition of Africa",
                "The end of serfdom in Russia",
                "C",
            ),
            (
                "Against what did Gandhi protest when he walked to the sea at Dandi in 1930?",
                "The tax on salt",
                "The partition of Bengal",
                "The price of cotton cloth",
                "Military conscription",
                "A",
            ),
            (
                "Which people is paired with its capital?",
                "Inca: Tenochtitlan",
                "Inca: Cuzco",
                "Aztec: Machu Picchu",
                "Maya: Lima",
                "B",
            ),
        ],
    },
}
